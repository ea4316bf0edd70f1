"""The order hub: facts from RabbitMQ folded into one order state machine, events published once in effect."""
