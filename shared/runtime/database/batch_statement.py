"""Statements over the rows of a batch: one array per column, read with `unnest`.

Arrays of ids travel as one text, `{…,…}`, which PostgreSQL parses itself: building an array costs asyncpg 0.6 us an
element.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

_TEXT_ARRAYS = {"uuid": "uuid", "hex": "text"}
"""Column types whose values contain no comma, quote or brace and travel as one text, with their PostgreSQL types."""


def array_literal(ids: Iterable[UUID | str | None]) -> str:
    """Return ids, or strings of hexadecimal digits, as an array literal for `CAST(CAST(:ids AS text) AS uuid[])`."""
    return "{" + ",".join(map(str, ids)).replace("None", "NULL") + "}"


def to_columns(values: Iterable[object], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the named fields, at least two, of all values: one list per field."""
    columns = zip(*map(attrgetter(*names), values), strict=True)
    lists = {name: list(column) for name, column in zip(names, columns, strict=False)}
    return lists or {name: [] for name in names}


class BatchStatement:
    """Statement with `{rows}` where it reads the rows of a batch, called `r`, and `{names}` for their columns.

    `types` maps the columns, at least two, to their PostgreSQL types, or to `hex` for text of hexadecimal digits.
    """

    def __init__(self, sql: str, types: Mapping[str, str]) -> None:
        self._names = tuple(types)
        self._text_arrays = tuple(name for name, kind in types.items() if kind in _TEXT_ARRAYS)
        names = ", ".join(types)
        arrays = ", ".join(_array_parameter(name, kind) for name, kind in types.items())
        self._statement = text(sql.format(rows=f"unnest({arrays}) AS r ({names})", names=names))

    def bind(self, values: Iterable[object], **parameters: Any) -> tuple[TextClause, dict[str, Any]]:
        """Return the statement and its parameters for values that have the columns as attributes."""
        return self.bind_columns(to_columns(values, self._names), **parameters)

    def bind_columns(
        self, columns: Mapping[str, Sequence[Any]], **parameters: Any
    ) -> tuple[TextClause, dict[str, Any]]:
        """Return the statement and its parameters for columns of values."""
        literals = {name: array_literal(columns[name]) for name in self._text_arrays}
        return self._statement, {**columns, **literals, **parameters}


def _array_parameter(name: str, kind: str) -> str:
    if kind in _TEXT_ARRAYS:
        return f"CAST(CAST(:{name} AS text) AS {_TEXT_ARRAYS[kind]}[])"
    return f"CAST(:{name} AS {kind}[])"
