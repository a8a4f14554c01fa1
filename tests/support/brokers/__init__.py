"""The brokers that the same tests run on: the embedded one, and Apache Kafka."""
