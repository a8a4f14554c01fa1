"""Row sets as one parameter: a JSON array that a statement reads with `jsonb_to_recordset`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def plain_fields(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a flat value; `dataclasses.asdict` copies deeply, which costs more than the INSERT."""
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


def record_set(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as the text of a JSON array."""
    return json.dumps(list(rows), default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, datetime | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
