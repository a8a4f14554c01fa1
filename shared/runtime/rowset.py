"""Statements over the rows of a batch: an array per column, read with `unnest`.

Many columns are the same in every row of a batch (the school, a status, NULL). Those travel as one value: making an
array costs asyncpg 0.6 us per element, which it asks twice whether it is an array itself, and PostgreSQL has to take it
apart again. Ids therefore travel as one text, `{…,…}`, which PostgreSQL reads as an array.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

_PLAIN = {"uuid": "uuid", "hex": "text"}
"""Kinds of columns whose values, with no comma, quote or brace in any, travel as one text; and what they are there."""


def as_array(ids: Iterable[UUID | str | None]) -> str:
    """Ids, or words of hexadecimal digits, as the text of an array: for `CAST(CAST(:ids AS text) AS uuid[])`."""
    return "{" + ",".join(map(str, ids)).replace("None", "NULL") + "}"


def columns_of(values: Iterable[object], names: Sequence[str]) -> dict[str, list[Any]]:
    """These fields, two at least, of all values."""
    columns = zip(*map(attrgetter(*names), values), strict=True)
    found = {name: list(column) for name, column in zip(names, columns, strict=False)}
    return found or {name: [] for name in names}


class RowStatement:
    """A statement with `{rows}` where it reads the rows, which are `r` there, and `{names}` for their columns.

    `types` are the columns with their PostgreSQL types (or `hex`: text of hexadecimal digits), two at least; parameters
    have the columns' names. `same` are
    those that often have one value in all rows of a batch, never all: only where each of them has they travel as single
    values, so that there are two texts to prepare and no more.
    """

    def __init__(self, sql: str, types: Mapping[str, str], *, same: Collection[str] = ()) -> None:
        self._names = tuple(types)
        self._same = tuple(same)
        self._ids = tuple(name for name, kind in types.items() if kind in _PLAIN)
        self._apart = _statement(sql, types, ())
        self._alike = _statement(sql, types, self._same)

    def of(self, values: Iterable[object], **others: Any) -> tuple[TextClause, dict[str, Any]]:
        """The statement and its parameters for values that have the columns as fields; `others`: further ones."""
        return self.of_columns(columns_of(values, self._names), **others)

    def of_columns(
        self, columns: Mapping[str, Sequence[Any]], **others: Any
    ) -> tuple[TextClause, dict[str, Any]]:
        """The same for columns."""
        alike = bool(self._same) and all(_is_one(columns[name]) for name in self._same)
        single = {name: columns[name][0] for name in self._same} if alike else {}
        ids = {name: as_array(columns[name]) for name in self._ids if name not in single}
        return self._alike if alike else self._apart, {**columns, **ids, **single, **others}


def _is_one(column: Sequence[Any]) -> bool:
    return bool(column) and column.count(column[0]) == len(column)


def _statement(sql: str, types: Mapping[str, str], same: Collection[str]) -> TextClause:
    names = ", ".join(types)
    listed = ", ".join(name for name in types if name not in same)
    arrays = ", ".join(_array(name, kind) for name, kind in types.items() if name not in same)
    columns = ", ".join(
        f"CAST(:{name} AS {_PLAIN.get(kind, kind)}) AS {name}" if name in same else name
        for name, kind in types.items()
    )
    rows = f"(SELECT {columns} FROM unnest({arrays}) AS listed ({listed})) AS r"
    return text(sql.format(rows=rows if same else f"unnest({arrays}) AS r ({names})", names=names))


def _array(name: str, kind: str) -> str:
    if kind in _PLAIN:
        return f"CAST(CAST(:{name} AS text) AS {_PLAIN[kind]}[])"
    return f"CAST(:{name} AS {kind}[])"
