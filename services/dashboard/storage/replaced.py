"""Putting a projection that was made anew in the place of the shown one: see `rebuilt`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from services.dashboard.storage.columns import (
    OPT_OUT,
    OPT_OUT_KEYS,
    PARENT,
    PARENT_KEYS,
    SCHOOL,
    SCHOOL_KEYS,
    STUDENT,
    STUDENT_KEYS,
)
from services.dashboard.storage.registers import Register
from shared.runtime.database import Transaction

Key: TypeAlias = tuple[Any, ...]
ROWS = 1_000
LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)
UNTOUCHED = "age(kept.xmin) > age(CAST(CAST(:begun AS text) AS xid))"


@dataclass(frozen=True, slots=True)
class Rows:
    """A table whose rows consist of registers. `merged`: columns that are none, with how two values become one."""

    table: str
    keys: tuple[tuple[str, str], ...]
    registers: tuple[Register, ...]
    merged: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """The keys."""
        return [name for name, _ in self.keys]

    @property
    def cut(self) -> list[str]:
        """The keys by which ranges are cut."""
        return [name for name, kind in self.keys if kind == "uuid"]


@dataclass(frozen=True, slots=True)
class Range:
    """Rows with keys (those that are UUIDs) above `low` up to `high`."""

    low: tuple[UUID, ...]
    high: tuple[UUID, ...]


_UNION = "ARRAY(SELECT DISTINCT each FROM unnest(kept.confirmed || excluded.confirmed) AS each ORDER BY each)"
SCHOOLS = Rows("schools", SCHOOL_KEYS, (SCHOOL,))
STUDENTS = Rows("students", STUDENT_KEYS, (STUDENT,))
OPT_OUTS = Rows("opt_outs", OPT_OUT_KEYS, (OPT_OUT,))
PARENTS = Rows("parents", PARENT_KEYS, PARENT, merged=(("confirmed", _UNION),))


async def no_school_was_made(tx: Transaction) -> bool:
    """Whether pages show schools and none was made."""
    query = "SELECT EXISTS (SELECT FROM schools) AND NOT EXISTS (SELECT FROM pg_temp.schools)"
    return bool(await tx.scalar(query))


async def count(tx: Transaction, rows: Rows) -> int:
    """How many rows the table has that the transaction sees."""
    return int(await tx.scalar(f"SELECT count(*) FROM {rows.table}"))


async def ranges(tx: Transaction, rows: Rows, size: int = ROWS) -> AsyncIterator[Range]:
    """Cut all keys there can be into ranges of about `size` made rows."""
    keys = rows.cut
    names = ", ".join(keys)
    low = tuple(LOWEST for _ in keys)
    while True:
        found = await tx.row(
            f"SELECT {names} FROM pg_temp.{rows.table} WHERE ({names}) > ({_names('low', keys)}) "
            f"ORDER BY {names} OFFSET {size - 1} LIMIT 1",
            _values("low", keys, low),
        )
        if found is None:
            yield Range(low, tuple(HIGHEST for _ in keys))
            return
        yield Range(low, tuple(found))
        low = tuple(found)


async def put(tx: Transaction, rows: Rows, within: Range, begun: str) -> set[Key]:
    """Make the shown rows of a range what was made; the keys of those that are different now.

    The rows stay locked until the transaction ends, in the order in which consumers lock them.
    """
    parameters = {"begun": begun, **bounds(rows, within)}
    changed: set[Key] = set()
    for statement in (_fold(rows), _replace(rows), _drop(rows)):
        changed |= {tuple(row) for row in await tx.rows(statement, parameters)}
    return changed


def bounded(alias: str, keys: Sequence[str]) -> str:
    """SQL: the row is in the range."""
    names = ", ".join(f"{alias}.{key}" for key in keys)
    return f"({names}) > ({_names('low', keys)}) AND ({names}) <= ({_names('high', keys)})"


def bounds(rows: Rows, within: Range) -> dict[str, Any]:
    """The values for `bounded`."""
    return {**_values("low", rows.cut, within.low), **_values("high", rows.cut, within.high)}


def _fold(rows: Rows) -> str:
    """New rows, and of rows touched meanwhile the registers that are not older."""
    keys = rows.names
    columns = [name for register in rows.registers for name in register.names]
    names = ", ".join([*keys, *columns, *(name for name, _ in rows.merged)])
    changes = [
        f"{name} = CASE WHEN {register.as_new} THEN excluded.{name} ELSE kept.{name} END"
        for register in rows.registers
        for name in register.names
    ]
    changes += [f"{name} = {how}" for name, how in rows.merged]
    differs = [
        f"({r.as_new} AND {_row('kept', r.names)} IS DISTINCT FROM {_row('excluded', r.names)})"
        for r in rows.registers
    ]
    differs += [f"kept.{name} IS DISTINCT FROM {how}" for name, how in rows.merged]
    return (
        f"INSERT INTO {rows.table} AS kept ({names}) SELECT {names} FROM pg_temp.{rows.table} AS made "
        f"WHERE {bounded('made', rows.cut)} ORDER BY {', '.join(keys)} "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(changes)} "
        f"WHERE NOT {UNTOUCHED} AND ({' OR '.join(differs)}) RETURNING {', '.join(f'kept.{k}' for k in keys)}"
    )


def _replace(rows: Rows) -> str:
    """Rows that nobody has touched since the making began."""
    keys = rows.names
    columns = [name for register in rows.registers for name in register.names]
    columns += [name for name, _ in rows.merged]
    return (
        f"UPDATE {rows.table} AS kept SET ({', '.join(columns)}) = {_row('made', columns)} "
        f"FROM pg_temp.{rows.table} AS made "
        f"WHERE {_same('made', keys)} AND {bounded('made', rows.cut)} AND {UNTOUCHED} "
        f"AND {_row('kept', columns)} IS DISTINCT FROM {_row('made', columns)} "
        f"RETURNING {', '.join(f'kept.{k}' for k in keys)}"
    )


def _drop(rows: Rows) -> str:
    """Rows of which no owner knows."""
    keys = rows.names
    return (
        f"DELETE FROM {rows.table} AS kept WHERE {bounded('kept', rows.cut)} AND {UNTOUCHED} "
        f"AND NOT EXISTS (SELECT FROM pg_temp.{rows.table} AS made WHERE {_same('made', keys)}) "
        f"RETURNING {', '.join(f'kept.{k}' for k in keys)}"
    )


def _row(alias: str, names: Sequence[str]) -> str:
    return f"ROW({', '.join(f'{alias}.{name}' for name in names)})"


def _same(alias: str, keys: Sequence[str]) -> str:
    return " AND ".join(f"kept.{key} = {alias}.{key}" for key in keys)


def _names(side: str, keys: Sequence[str]) -> str:
    return ", ".join(f"CAST(:{side}_{key} AS uuid)" for key in keys)


def _values(side: str, keys: Sequence[str], values: Sequence[UUID]) -> dict[str, UUID]:
    return {f"{side}_{key}": value for key, value in zip(keys, values, strict=True)}
