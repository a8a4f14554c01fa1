"""Exception for a part that cannot be had on this machine."""


class Unavailable(Exception):
    """A program or package that a benchmark needs cannot be had here; the text states why and what would help."""
