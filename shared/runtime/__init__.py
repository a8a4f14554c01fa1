"""The minimum that every service needs: transactions, outbox, inbox, consumers, timers, HTTP frame, health, logs."""
