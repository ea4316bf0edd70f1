"""Documents on paper: invoices, packing slips, refunds, carriers' labels. Plain data in, PDF bytes out; no database, no clock."""
