"""The HTTP surface: lists for staff under `/notifier/v1`, and what a provider calls under `/notifier/hooks`."""
