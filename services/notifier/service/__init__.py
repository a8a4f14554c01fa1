"""What the notifier does: take commands in, claim what is due, record what became of it."""
