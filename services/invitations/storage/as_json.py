"""Values as JSON: what a statement reads with `jsonb_array_elements` or `jsonb_to_recordset`."""

from __future__ import annotations

import json
from datetime import time
from typing import Any
from uuid import UUID


def as_json(values: list[Any]) -> str:
    """The text of a JSON array; ids and hours as text."""
    return json.dumps(values, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    raise TypeError(type(value).__name__)
