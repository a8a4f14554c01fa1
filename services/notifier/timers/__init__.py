"""The senders: claim, COMMIT; send with no transaction open; record the outcome and tell it, COMMIT."""
