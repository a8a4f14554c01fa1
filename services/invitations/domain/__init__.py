"""The rules of an invitation's life: plain values, pure functions, time and ids as arguments."""
