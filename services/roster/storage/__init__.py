"""Every SQL statement that changes the roster, or reads it to decide."""
