"""Read-only queries for the API. Each returns plain dictionaries in the form of its responses."""
