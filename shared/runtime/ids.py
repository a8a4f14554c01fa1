"""Identifiers."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered UUID (version 7, RFC 9562): rows written together lie together in the index."""
    return uuid7()
