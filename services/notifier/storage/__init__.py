"""Tables of the notifier: one module per table, with every statement that writes it."""
