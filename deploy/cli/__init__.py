"""The `kinvite` command."""
