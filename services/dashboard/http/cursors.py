"""Cursors hold the id of the last row and no name, since they stand in addresses."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from shared.runtime.web import Problem, decode_cursor

Search = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Cursor = Annotated[str | None, Query(max_length=200)]


def after(cursor: str | None) -> UUID | None:
    """The id that a cursor holds; raises Problem 400 for rubbish."""
    if not cursor:
        return None
    [value] = decode_cursor(cursor, str)
    try:
        return UUID(value)
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> Problem:
    return Problem(400, "bad_cursor", "Use the cursor that the previous page gave as `next`.", field="cursor")
