"""The use cases of the roster, one file each."""
