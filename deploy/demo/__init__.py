"""A sample school with simulated parents, over HTTP alone."""
