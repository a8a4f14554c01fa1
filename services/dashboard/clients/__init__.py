"""HTTP clients of the neighbouring services: one file per service, and `http` with what they share."""
