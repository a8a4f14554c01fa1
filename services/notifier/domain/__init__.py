"""Rules of the notifier: states of a message, retries, quiet hours, delivery reports and the circuit breaker."""
