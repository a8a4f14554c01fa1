"""Many rows in one statement: a JSON array, unfolded by the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """The argument of `jsonb_to_recordset`; UUIDs and dates as their text."""
    return json.dumps(rows, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return str(value.value)
    raise TypeError(type(value).__name__)
