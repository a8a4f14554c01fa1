"""Tables of signup and the statements that read and write them."""
