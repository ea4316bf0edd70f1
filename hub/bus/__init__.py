"""RabbitMQ: topology, subscribers, relay, retries, archiver, and the process that runs them."""
