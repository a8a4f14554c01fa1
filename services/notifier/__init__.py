"""The notifier: takes the command to send a message, sends it, tells what became of it."""
