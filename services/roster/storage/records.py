"""Many rows in one statement: a JSON array, unfolded by the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """The argument of `jsonb_to_recordset`; UUIDs, dates and enumerations as their text."""
    return to_json(rows).decode()
