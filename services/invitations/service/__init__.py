"""Use cases: load, decide, save, emit. They take the open transaction and never commit."""
