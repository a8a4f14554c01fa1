"""Replicas of other services' aggregates: the newest version wins, in whatever order the events arrive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from shared.runtime.database.batch_statement import BatchStatement, array_literal, to_columns
from shared.runtime.database.transaction import Transaction

_JSON = "jsonb"


class ReplicaTable:
    """Table with one row per aggregate of another service; a row changes only to a higher `version`, in its school.

    `columns` maps the columns, among them `key`, `version` and `school_id`, to their PostgreSQL types. Arrays and
    `jsonb` travel as one text per row, because `unnest` would flatten an array of arrays.
    """

    def __init__(self, table: str, key: str, columns: Mapping[str, str]) -> None:
        self._key = key
        self._names = tuple(columns)
        self._texts = {name: kind for name, kind in columns.items() if _travels_as_text(kind)}
        self._statement = BatchStatement(
            _write_upsert(table, key, columns),
            {name: "text" if name in self._texts else kind for name, kind in columns.items()},
        )

    async def save(self, tx: Transaction, replicas: Iterable[object]) -> set[UUID]:
        """Save the newest version of each replica, in the order of the key; return the keys of the rows that changed.

        Replicas have the columns as attributes. Of equal versions the stored one stays.
        """
        columns = to_columns(newest_versions(replicas, self._key), self._names)
        for name, kind in self._texts.items():
            columns[name] = [_encode(value, kind) for value in columns[name]]
        rows = await tx.rows(*self._statement.bind_columns(columns))
        return {row[0] for row in rows}


def newest_versions(replicas: Iterable[Any], key: str) -> list[Any]:
    """Return the replica with the highest `version` for each value of the attribute; of equal ones the first."""
    key_of = attrgetter(key)
    newest: dict[object, Any] = {}
    for replica in replicas:
        stored = newest.get(key_of(replica))
        if stored is None or stored.version < replica.version:
            newest[key_of(replica)] = replica
    return list(newest.values())


def _write_upsert(table: str, key: str, columns: Mapping[str, str]) -> str:
    selected = ", ".join(
        f"CAST(r.{name} AS {kind})" if _travels_as_text(kind) else f"r.{name}"
        for name, kind in columns.items()
    )
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in (key, "school_id"))
    return f"""
    INSERT INTO {table} AS stored ({{names}})
    SELECT {selected} FROM {{rows}} ORDER BY r.{key}
    ON CONFLICT ({key}) DO UPDATE SET {changed}
     WHERE stored.version < excluded.version AND stored.school_id = excluded.school_id
    RETURNING stored.{key}
    """


def _travels_as_text(kind: str) -> bool:
    return kind == _JSON or kind.endswith("[]")


def _encode(value: Any, kind: str) -> str:
    return to_json(value).decode() if kind == _JSON else array_literal(value)
