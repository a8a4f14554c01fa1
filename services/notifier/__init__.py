"""Notifier: takes over commands to send a message, sends it, and publishes what became of it."""
