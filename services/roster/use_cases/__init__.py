"""Use cases of the roster. Each takes the caller's transaction and never commits it."""
