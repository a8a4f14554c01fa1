"""One upsert for any set of registers: each is replaced only by a value of greater rank.

Rows are inserted in the order of their keys, so two batches that meet lock their rows in the same order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.runtime.database import BatchStatement


@dataclass(frozen=True, slots=True)
class Register:
    """Columns (name, PostgreSQL type) that change together; the first `ranked` ones are the rank.

    `same` are those that often have one value in all rows of a batch.
    """

    columns: tuple[tuple[str, str], ...]
    ranked: int = 1
    same: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def newer(self) -> str:
        """SQL: the incoming rank beats the stored one. An empty incoming register never does."""
        return self._incoming("<")

    @property
    def as_new(self) -> str:
        """SQL: the stored rank does not beat the incoming one, so that a value of equal rank is written again."""
        return self._incoming("<=")

    def _incoming(self, order: str) -> str:
        rank = self.names[: self.ranked]
        stored, incoming = (", ".join(f"{row}.{name}" for name in rank) for row in ("kept", "excluded"))
        return (
            f"(excluded.{rank[0]} IS NOT NULL AND "
            f"(kept.{rank[0]} IS NULL OR ROW({stored}) {order} ROW({incoming})))"
        )


@lru_cache(maxsize=128)
def upsert(
    table: str,
    keys: tuple[tuple[str, str], ...],
    registers: tuple[Register, ...],
    *,
    returning: str | None = None,
) -> BatchStatement:
    """Takes one array per column, named as the column; answers `returning` of the rows that changed, if that is asked.

    There `kept` is the row as it is now.
    """
    columns = dict(keys + tuple(column for register in registers for column in register.columns))
    values = ", ".join(_value(name, kind) for name, kind in columns.items())
    key_names = ", ".join(name for name, _ in keys)
    return BatchStatement(
        f"INSERT INTO {table} AS kept ({{names}}) "
        f"SELECT {values} FROM {{rows}} ORDER BY {key_names} "
        f"ON CONFLICT ({key_names}) DO UPDATE SET {_changes(registers)} "
        f"WHERE {' OR '.join(register.newer for register in registers)}"
        + (f" RETURNING {returning}" if returning else ""),
        {name: _carried(kind) for name, kind in columns.items()},
    )


def _changes(registers: tuple[Register, ...]) -> str:
    """The assignments, each of its own register's newer value; the only register is newer, or nothing is written."""
    if len(registers) == 1:
        return ", ".join(f"{name} = excluded.{name}" for name in registers[0].names)
    return ", ".join(
        f"{name} = CASE WHEN {register.newer} THEN excluded.{name} ELSE kept.{name} END"
        for register in registers
        for name in register.names
    )


def arrays_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    """Turn rows into one array per column; a column that a row lacks is NULL there."""
    return {name: [row.get(name) for row in rows] for name in names}


def _carried(kind: str) -> str:
    return "text" if kind == "jsonb" else kind


def _value(name: str, kind: str) -> str:
    return f"CAST({name} AS jsonb)" if kind == "jsonb" else name
