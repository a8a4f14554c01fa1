"""Replacement of the live projection by the staged one, a range of rows at a time.

A live row that no transaction has changed since the rebuild began becomes the staged row, or is deleted if there is
none. Other rows were changed by events that the rebuild may not have read: of those each column group keeps the newer
value, as with any event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from services.dashboard.storage.opt_outs import OPT_OUT, OPT_OUT_KEYS
from services.dashboard.storage.parents import PARENT_GROUPS, PARENT_KEYS
from services.dashboard.storage.schools import SCHOOL, SCHOOL_KEYS
from services.dashboard.storage.students import STUDENT, STUDENT_KEYS
from services.dashboard.storage.versioned_columns import KeyColumns, VersionedColumns
from shared.runtime.database import Transaction

Key: TypeAlias = tuple[Any, ...]
RANGE_SIZE = 1_000
LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)
_UNCHANGED = "age(stored.xmin) > age(CAST(CAST(:first_transaction_id AS text) AS xid))"


@dataclass(frozen=True, slots=True)
class SwapTable:
    """Table whose rows consist of versioned column groups.

    `merged` lists columns that belong to no group, each with the SQL expression that merges two values.
    """

    table: str
    keys: KeyColumns
    groups: tuple[VersionedColumns, ...]
    merged: tuple[tuple[str, str], ...] = ()

    @property
    def key_names(self) -> list[str]:
        """Names of the primary key's columns."""
        return [name for name, _ in self.keys]

    @property
    def range_names(self) -> list[str]:
        """Names of the key columns that bound ranges: the UUIDs."""
        return [name for name, kind in self.keys if kind == "uuid"]

    @property
    def group_names(self) -> list[str]:
        """Names of the columns in groups."""
        return [name for group in self.groups for name in group.names]


@dataclass(frozen=True, slots=True)
class Range:
    """Rows whose UUID keys are greater than `low` and at most `high`."""

    low: tuple[UUID, ...]
    high: tuple[UUID, ...]


_MERGE_CONFIRMED = (
    "ARRAY(SELECT DISTINCT contact_id FROM unnest(stored.confirmed || excluded.confirmed) AS contact_id "
    "ORDER BY contact_id)"
)
SCHOOLS = SwapTable("schools", SCHOOL_KEYS, (SCHOOL,))
STUDENTS = SwapTable("students", STUDENT_KEYS, (STUDENT,))
OPT_OUTS = SwapTable("opt_outs", OPT_OUT_KEYS, (OPT_OUT,))
PARENTS = SwapTable("parents", PARENT_KEYS, PARENT_GROUPS, merged=(("confirmed", _MERGE_CONFIRMED),))


async def would_empty_schools(tx: Transaction) -> bool:
    """Return whether there are live schools but no staged one."""
    query = "SELECT EXISTS (SELECT FROM schools) AND NOT EXISTS (SELECT FROM pg_temp.schools)"
    return bool(await tx.scalar(query))


async def count_rows(tx: Transaction, table: SwapTable) -> int:
    """Return the number of rows; whether of the live or the staged table depends on the transaction."""
    return int(await tx.scalar(f"SELECT count(*) FROM {table.table}"))


async def list_ranges(tx: Transaction, table: SwapTable, size: int = RANGE_SIZE) -> AsyncIterator[Range]:
    """Yield ranges of about `size` staged rows each, which together cover every possible key."""
    keys = table.range_names
    names = ", ".join(keys)
    low = tuple(LOWEST for _ in keys)
    while True:
        last = await tx.row(
            f"SELECT {names} FROM pg_temp.{table.table} WHERE ({names}) > ({_bound_sql('low', keys)}) "
            f"ORDER BY {names} OFFSET {size - 1} LIMIT 1",
            _bound_values("low", keys, low),
        )
        if last is None:
            yield Range(low, tuple(HIGHEST for _ in keys))
            return
        yield Range(low, tuple(last))
        low = tuple(last)


async def swap_range(
    tx: Transaction, table: SwapTable, key_range: Range, first_transaction_id: str
) -> set[Key]:
    """Bring the live rows of a range to the staged state and return the keys of the rows that changed.

    The rows stay locked until the transaction ends, in the order in which consumers lock them.
    """
    parameters = {"first_transaction_id": first_transaction_id, **_range_values(table, key_range)}
    changed: set[Key] = set()
    for statement in (_merge_sql(table), _replace_sql(table), _delete_sql(table)):
        changed |= {tuple(row) for row in await tx.rows(statement, parameters)}
    return changed


async def swap_links_and_timeline(tx: Transaction, key_range: Range, first_transaction_id: str) -> set[Key]:
    """Swap the links and timeline entries of a range of parents and return the keys of the affected parents.

    Must follow `swap_range` for PARENTS in the same transaction.
    """
    parameters = {"first_transaction_id": first_transaction_id, **_range_values(PARENTS, key_range)}
    changed: set[Key] = set()
    for statement in (_DELETE_LINKS, _SAVE_LINKS, _DELETE_ENTRIES, _SAVE_ENTRIES):
        used = {name: value for name, value in parameters.items() if f":{name}" in statement}
        changed |= {tuple(row) for row in await tx.rows(statement, used)}
    return changed


# ---------------------------------------------------------------- SQL of one table
def _merge_sql(table: SwapTable) -> str:
    """Insert missing rows; in rows changed since the rebuild began, write the groups that are not older."""
    keys = table.key_names
    names = ", ".join([*keys, *table.group_names, *(name for name, _ in table.merged)])
    assignments = [
        f"{name} = CASE WHEN {group.is_not_older} THEN excluded.{name} ELSE stored.{name} END"
        for group in table.groups
        for name in group.names
    ]
    assignments += [f"{name} = {merge}" for name, merge in table.merged]
    differs = [
        f"({group.is_not_older} AND {_row('stored', group.names)} IS DISTINCT FROM "
        f"{_row('excluded', group.names)})"
        for group in table.groups
    ]
    differs += [f"stored.{name} IS DISTINCT FROM {merge}" for name, merge in table.merged]
    return (
        f"INSERT INTO {table.table} AS stored ({names}) SELECT {names} FROM pg_temp.{table.table} AS staged "
        f"WHERE {_in_range('staged', table.range_names)} ORDER BY {', '.join(keys)} "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(assignments)} "
        f"WHERE NOT {_UNCHANGED} AND ({' OR '.join(differs)}) RETURNING {_returned(keys)}"
    )


def _replace_sql(table: SwapTable) -> str:
    """Replace rows that no transaction has changed since the rebuild began."""
    columns = [*table.group_names, *(name for name, _ in table.merged)]
    return (
        f"UPDATE {table.table} AS stored SET ({', '.join(columns)}) = {_row('staged', columns)} "
        f"FROM pg_temp.{table.table} AS staged "
        f"WHERE {_same_key(table.key_names)} AND {_in_range('staged', table.range_names)} AND {_UNCHANGED} "
        f"AND {_row('stored', columns)} IS DISTINCT FROM {_row('staged', columns)} "
        f"RETURNING {_returned(table.key_names)}"
    )


def _delete_sql(table: SwapTable) -> str:
    """Delete unchanged rows of which no source service has any event."""
    return (
        f"DELETE FROM {table.table} AS stored "
        f"WHERE {_in_range('stored', table.range_names)} AND {_UNCHANGED} "
        f"AND NOT EXISTS (SELECT FROM pg_temp.{table.table} AS staged WHERE {_same_key(table.key_names)}) "
        f"RETURNING {_returned(table.key_names)}"
    )


def _in_range(alias: str, keys: Sequence[str]) -> str:
    names = ", ".join(f"{alias}.{key}" for key in keys)
    return f"({names}) > ({_bound_sql('low', keys)}) AND ({names}) <= ({_bound_sql('high', keys)})"


def _range_values(table: SwapTable, key_range: Range) -> dict[str, Any]:
    keys = table.range_names
    return {**_bound_values("low", keys, key_range.low), **_bound_values("high", keys, key_range.high)}


def _row(alias: str, names: Sequence[str]) -> str:
    return f"ROW({', '.join(f'{alias}.{name}' for name in names)})"


def _same_key(keys: Sequence[str]) -> str:
    return " AND ".join(f"stored.{key} = staged.{key}" for key in keys)


def _returned(keys: Sequence[str]) -> str:
    return ", ".join(f"stored.{key}" for key in keys)


def _bound_sql(bound: str, keys: Sequence[str]) -> str:
    return ", ".join(f"CAST(:{bound}_{key} AS uuid)" for key in keys)


def _bound_values(bound: str, keys: Sequence[str], values: Sequence[UUID]) -> dict[str, UUID]:
    return {f"{bound}_{key}": value for key, value in zip(keys, values, strict=True)}


# ---------------------------------------------------------------- SQL of links and timeline
_PARENT_KEY = ("school_id", "parent_id")
_LINK_KEY = (*_PARENT_KEY, "student_id")
_ENTRY_KEY = (*_PARENT_KEY, "aggregate_id", "version", "kind")
_NO_SUCH_PARENT = """
NOT EXISTS (SELECT FROM parents
             WHERE parents.school_id = stored.school_id AND parents.parent_id = stored.parent_id)
"""
_PARENTS_AS_STAGED = f"""
    SELECT staged.school_id, staged.parent_id
      FROM parents AS live JOIN pg_temp.parents AS staged USING (school_id, parent_id)
     WHERE {_in_range("staged", _PARENT_KEY)} AND live.person_version IS NOT DISTINCT FROM staged.person_version
"""
_DELETE_LINKS = f"""
DELETE FROM links AS stored
 WHERE {_in_range("stored", _PARENT_KEY)}
   AND NOT EXISTS (SELECT FROM pg_temp.links AS staged WHERE {_same_key(_LINK_KEY)})
   AND ((stored.school_id, stored.parent_id) IN ({_PARENTS_AS_STAGED}) OR {_UNCHANGED} AND {_NO_SUCH_PARENT})
RETURNING stored.school_id, stored.parent_id
"""
_SAVE_LINKS = f"""
INSERT INTO links AS stored (school_id, parent_id, student_id, relation, rights, reason)
SELECT school_id, parent_id, student_id, relation, rights, reason FROM pg_temp.links
 WHERE (school_id, parent_id) IN ({_PARENTS_AS_STAGED})
ON CONFLICT (school_id, parent_id, student_id) DO UPDATE
   SET relation = excluded.relation, rights = excluded.rights, reason = excluded.reason
 WHERE ROW(stored.relation, stored.rights, stored.reason)
       IS DISTINCT FROM ROW(excluded.relation, excluded.rights, excluded.reason)
RETURNING stored.school_id, stored.parent_id
"""
# An entry without an event is deleted only where the archive reaches back as far as the entry.
_DELETE_ENTRIES = f"""
DELETE FROM timeline AS stored
 WHERE {_in_range("stored", _PARENT_KEY)} AND {_UNCHANGED}
   AND NOT EXISTS (SELECT FROM pg_temp.timeline AS staged WHERE {_same_key(_ENTRY_KEY)})
   AND (EXISTS (SELECT FROM pg_temp.timeline AS staged
                 WHERE staged.school_id = stored.school_id AND staged.parent_id = stored.parent_id
                   AND staged.aggregate_id = stored.aggregate_id AND staged.version <= stored.version)
        OR {_NO_SUCH_PARENT})
RETURNING stored.school_id, stored.parent_id
"""
_SAVE_ENTRIES = f"""
INSERT INTO timeline AS stored
       (school_id, parent_id, aggregate_id, version, kind, at, channel, template, reason, actor)
SELECT school_id, parent_id, aggregate_id, version, kind, at, channel, template, reason, actor
  FROM pg_temp.timeline AS staged WHERE {_in_range("staged", _PARENT_KEY)}
ON CONFLICT (school_id, parent_id, aggregate_id, version, kind) DO UPDATE
   SET at = excluded.at, channel = excluded.channel, template = excluded.template,
       reason = excluded.reason, actor = excluded.actor
 WHERE ROW(stored.at, stored.channel, stored.template, stored.reason, stored.actor)
       IS DISTINCT FROM ROW(excluded.at, excluded.channel, excluded.template, excluded.reason, excluded.actor)
RETURNING stored.school_id, stored.parent_id
"""
