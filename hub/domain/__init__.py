"""The pure core: what an order is, computed from ledgers of facts. No clock, settings, I/O or logging."""
