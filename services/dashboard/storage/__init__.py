"""Tables and every SQL statement that writes them."""
