"""The inbox: consumers, decoding, deduplication, dead letters."""
