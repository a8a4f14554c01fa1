"""The outbox: emitting, the relay that publishes, and its wake-up signals."""
