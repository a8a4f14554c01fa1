"""What a benchmark says when a part cannot be had on this machine."""


class Unavailable(Exception):
    """A program or package that a benchmark needs is not to be had here; the text says why and what would help."""
