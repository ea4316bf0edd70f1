"""The unit of work: deliveries and commands in, one transaction, results and outbox rows out."""
