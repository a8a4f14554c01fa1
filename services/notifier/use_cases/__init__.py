"""Use cases of the notifier: enqueue commands, claim messages, record outcomes, apply reports and opt-outs."""
