"""Upsert of rows that consist of versioned column groups: a group is replaced only by one of greater rank.

Rows are inserted in the order of their keys, so that two batches lock the rows they share in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from shared.runtime.database import BatchStatement

KeyColumns = tuple[tuple[str, str], ...]
"""Names and PostgreSQL types of the columns of a primary key."""


class Versioned(Protocol):
    """Value with the version of its aggregate."""

    @property
    def version(self) -> int: ...


V = TypeVar("V", bound=Versioned)


@dataclass(frozen=True, slots=True)
class VersionedColumns:
    """Columns (name, PostgreSQL type) that change together; the first `rank_size` columns are the rank."""

    columns: tuple[tuple[str, str], ...]
    rank_size: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for name, _ in self.columns)

    @property
    def is_newer(self) -> str:
        """SQL condition: the incoming rank is greater than the stored one. An empty incoming group is never newer."""
        return self._compare_ranks("<")

    @property
    def is_not_older(self) -> str:
        """SQL condition: the incoming rank is at least the stored one, so that equal ranks are written again."""
        return self._compare_ranks("<=")

    def _compare_ranks(self, operator: str) -> str:
        rank = self.names[: self.rank_size]
        stored, incoming = (", ".join(f"{row}.{name}" for name in rank) for row in ("stored", "excluded"))
        return (
            f"(excluded.{rank[0]} IS NOT NULL AND "
            f"(stored.{rank[0]} IS NULL OR ROW({stored}) {operator} ROW({incoming})))"
        )


@lru_cache(maxsize=128)
def build_upsert(
    table: str, keys: KeyColumns, groups: tuple[VersionedColumns, ...], *, returning: str | None = None
) -> BatchStatement:
    """Return the upsert of these column groups, with one array per column as parameters.

    With `returning` the statement returns this list for the rows that changed; `stored` is the row as it is then.
    """
    columns = dict(keys + tuple(column for group in groups for column in group.columns))
    values = ", ".join(_cast_from_text(name, kind) for name, kind in columns.items())
    key_names = ", ".join(name for name, _ in keys)
    return BatchStatement(
        f"INSERT INTO {table} AS stored ({{names}}) "
        f"SELECT {values} FROM {{rows}} ORDER BY {key_names} "
        f"ON CONFLICT ({key_names}) DO UPDATE SET {_assignments(groups)} "
        f"WHERE {' OR '.join(group.is_newer for group in groups)}"
        + (f" RETURNING {returning}" if returning else ""),
        {name: _parameter_type(kind) for name, kind in columns.items()},
    )


def newest_per_key(values: Iterable[V], key: Callable[[V], Hashable]) -> list[V]:
    """Return one value per key: the one of the greatest version."""
    newest: dict[Hashable, V] = {}
    for value in values:
        previous = newest.get(key(value))
        if previous is None or value.version > previous.version:
            newest[key(value)] = value
    return list(newest.values())


def _assignments(groups: tuple[VersionedColumns, ...]) -> str:
    """Return the SET list. A single group needs no CASE, because the WHERE clause admits only newer values."""
    if len(groups) == 1:
        return ", ".join(f"{name} = excluded.{name}" for name in groups[0].names)
    return ", ".join(
        f"{name} = CASE WHEN {group.is_newer} THEN excluded.{name} ELSE stored.{name} END"
        for group in groups
        for name in group.names
    )


def _parameter_type(kind: str) -> str:
    return "text" if kind == "jsonb" else kind


def _cast_from_text(name: str, kind: str) -> str:
    return f"CAST({name} AS jsonb)" if kind == "jsonb" else name
