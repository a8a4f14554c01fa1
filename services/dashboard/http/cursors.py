"""Cursors of lists: the id of the last row and no name, because cursors occur in addresses."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from shared.runtime.web import Problem, decode_cursor, encode_cursor

Search = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Cursor = Annotated[str | None, Query(max_length=200)]


def parse_cursor(cursor: str | None) -> UUID | None:
    """Return the id in a cursor, or None for no cursor. Raises Problem 400 for a malformed one."""
    if not cursor:
        return None
    [value] = decode_cursor(cursor, str)
    try:
        return UUID(value)
    except ValueError:
        raise bad_cursor() from None


def next_cursor(last_id: UUID | None) -> str | None:
    """Return the cursor of the page after this id, or None after the last page."""
    return encode_cursor(str(last_id)) if last_id else None


def bad_cursor() -> Problem:
    """Return the problem for a cursor that is malformed or points to no row."""
    return Problem(400, "bad_cursor", "Use the cursor that the previous page gave as `next`.", field="cursor")
