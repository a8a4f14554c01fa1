"""Row sets as parameters: one array per column, which a statement reads with `unnest`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class RowSet:
    """Fields of a value, two at least, with their PostgreSQL types; parameters and columns have the same names."""

    types: Mapping[str, str]

    @cached_property
    def names(self) -> str:
        """The columns, separated by commas."""
        return ", ".join(self.types)

    @cached_property
    def arrays(self) -> str:
        """SQL: the arrays as arguments of `unnest`."""
        return ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in self.types.items())

    @cached_property
    def rows(self) -> str:
        """SQL: the rows as `r`."""
        return f"unnest({self.arrays}) AS r ({self.names})"

    def of(self, values: Iterable[object]) -> dict[str, list[Any]]:
        """The parameters for these values."""
        columns = zip(*map(self._fields, values), strict=True)
        given = {name: list(column) for name, column in zip(self.types, columns, strict=False)}
        return given or {name: [] for name in self.types}

    @cached_property
    def _fields(self) -> attrgetter[tuple[Any, ...]]:
        return attrgetter(*self.types)


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
