"""The embedded stack: MongoDB, Kafka and the three services on one machine, without containers."""
