"""Values as JSON: what a statement reads with `jsonb_array_elements` or `jsonb_to_recordset`."""

from __future__ import annotations

import json
from datetime import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def plain_fields(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a flat value; `dataclasses.asdict` copies deeply, which costs more than the INSERT."""
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


def as_json(values: list[Any]) -> str:
    """The text of a JSON array; ids and hours as text."""
    return json.dumps(values, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    raise TypeError(type(value).__name__)
