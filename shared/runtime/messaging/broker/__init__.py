"""The broker: client options, publisher, topics, monitor."""
