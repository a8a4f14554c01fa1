"""Identifiers."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered UUID (version 7, RFC 9562): rows written together lie together in the index."""
    return uuid7()


def lowest_id_at(moment: datetime) -> UUID:
    """No id that was made at `moment` or later is lower. `moment` has a time zone."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
