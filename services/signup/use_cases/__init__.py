"""Use cases of signup: load, decide, save, emit. The caller opens the transaction and commits it."""
