"""Sending: a sender per channel and lane, its messages in flight, and the outcomes that it has not recorded yet."""
