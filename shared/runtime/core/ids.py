"""Identifiers.

They are asyncpg's own kind of `UUID`, as rows carry it already: a subclass in C, equal to its base and of equal hash,
whose text and bytes are made ten times as fast. A bulk run writes each of its ids some ten times.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto


def new_id() -> UUID:
    """A time-ordered UUID (version 7, RFC 9562): rows written together lie together in the index."""
    return pgproto.UUID(uuid_utils.uuid7().bytes)


def lowest_id_at(moment: datetime) -> UUID:
    """No id that was made at `moment` or later is lower. `moment` has a time zone."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def parse_uuid(text: str) -> UUID:
    """The id that the text shows, with hyphens or without. Raises ValueError."""
    return pgproto.UUID(text)
