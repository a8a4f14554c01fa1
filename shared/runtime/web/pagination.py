"""Pagination of lists: `{"items": [...], "next": cursor or null}`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.runtime.web.problem_details import Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000


def encode_cursor(*values: str | int | None) -> str:
    """Return an opaque cursor with the sort key of the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type) -> list[Any]:
    """Return the values of a cursor, one for each kind (`str`, `int` or `UUID`).

    Raises Problem 400 for a cursor that was not created here.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError(cursor)
        return [_value(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except ValueError:
        raise _bad_cursor() from None


def _value(value: Any, kind: type) -> Any:
    if kind is UUID and isinstance(value, str):
        return UUID(value)
    if not isinstance(value, kind) or "\x00" in str(value):
        raise ValueError(kind)
    return value


def page_body(items: Sequence[Any], next_cursor: str | None) -> dict[str, Any]:
    """Return the body of a page."""
    return {"items": list(items), "next": next_cursor}


def _bad_cursor() -> Problem:
    return Problem(400, "bad_cursor", "Use the cursor that the previous page gave as `next`.", field="cursor")
