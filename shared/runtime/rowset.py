"""Statements over the rows of a batch: an array per column, read with `unnest`.

Many columns are the same in every row of a batch (the school, a status, NULL). Those travel as one value: making an
array costs asyncpg 0.3 us per element, and PostgreSQL has to take it apart again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import TextClause, text


class RowStatement:
    """A statement with `{rows}` where it reads the rows, which are `r` there, and `{names}` for their columns.

    `types` are the columns with their PostgreSQL types, two at least; parameters have the columns' names. `same` are
    those that often have one value in all rows of a batch, never all: only where each of them has they travel as single
    values, so that there are two texts to prepare and no more.
    """

    def __init__(self, sql: str, types: Mapping[str, str], *, same: Collection[str] = ()) -> None:
        self._names = tuple(types)
        self._same = tuple(same)
        self._fields = attrgetter(*types)
        self._apart = _statement(sql, types, ())
        self._alike = _statement(sql, types, self._same)

    def of(self, values: Iterable[object], **others: Any) -> tuple[TextClause, dict[str, Any]]:
        """The statement and its parameters for values that have the columns as fields; `others`: further ones."""
        columns = zip(*map(self._fields, values), strict=True)
        found = {name: list(column) for name, column in zip(self._names, columns, strict=False)}
        return self.of_columns(found or {name: [] for name in self._names}, **others)

    def of_columns(
        self, columns: Mapping[str, Sequence[Any]], **others: Any
    ) -> tuple[TextClause, dict[str, Any]]:
        """The same for columns."""
        if not self._same or not all(_is_one(columns[name]) for name in self._same):
            return self._apart, {**columns, **others}
        values = {name: columns[name][0] for name in self._same}
        return self._alike, {**columns, **values, **others}


def _is_one(column: Sequence[Any]) -> bool:
    return bool(column) and column.count(column[0]) == len(column)


def _statement(sql: str, types: Mapping[str, str], same: Collection[str]) -> TextClause:
    names = ", ".join(types)
    listed = ", ".join(name for name in types if name not in same)
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in types.items() if name not in same)
    columns = ", ".join(
        f"CAST(:{name} AS {kind}) AS {name}" if name in same else name for name, kind in types.items()
    )
    rows = f"(SELECT {columns} FROM unnest({arrays}) AS listed ({listed})) AS r"
    return text(sql.format(rows=rows if same else f"unnest({arrays}) AS r ({names})", names=names))
