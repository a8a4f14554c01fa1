"""Rules of an invitation's life cycle: plain values and pure functions that take time and ids as arguments."""
