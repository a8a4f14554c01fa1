"""Use cases: load, decide, save, emit. The caller owns the transaction."""
