"""Row sets as one parameter: a JSON array that a statement reads with `jsonb_to_recordset`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID


def record_set(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as the text of a JSON array."""
    return json.dumps(list(rows), default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
