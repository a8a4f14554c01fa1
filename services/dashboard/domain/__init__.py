"""How facts move one family's row, and how the row reads in plain words. Standard library only."""
