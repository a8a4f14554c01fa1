"""The dashboard's use cases. They take the transaction and never commit."""
