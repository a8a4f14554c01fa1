"""Rebuild of the projection from the event archives, while pages are shown and consumers keep running."""
