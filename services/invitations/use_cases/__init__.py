"""Use cases: each loads, decides, saves and emits in the caller's transaction, and never commits."""
