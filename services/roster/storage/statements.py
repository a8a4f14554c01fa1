"""Building blocks for statements on many rows: a JSON array that the database unfolds, or an array of keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects import postgresql

from shared.runtime.database import Transaction

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """Return the argument of `jsonb_to_recordset`; UUIDs, dates and enumerations become text."""
    return to_json(rows).decode()


def keys_of_school(parameter: str, kind: str) -> str:
    """Return SQL for rows (school_id, key) with the keys in an array parameter; join by both columns.

    The planner estimates a school to have few rows, since there are no statistics on `school_id`. Given the school and
    some hundred keys separately, it would read all rows of the school. OFFSET keeps it from separating them.
    """
    keys = f"unnest(CAST(:{parameter} AS {kind}[]))"
    return f"(SELECT CAST(:school_id AS uuid) AS school_id, key FROM {keys} AS key OFFSET 0)"


def delete_by_ids(table: Table, column: str) -> TextClause:
    """Return the statement that deletes rows of a school by the ids in the parameter `ids`."""
    return text(
        f"DELETE FROM {table.name} WHERE school_id = :school_id AND {column} = ANY(CAST(:ids AS uuid[]))"
    )


def delete_by_pairs(table: Table, first: str, second: str) -> TextClause:
    """Return the statement that deletes rows of a school by the pairs of ids in the parameter `rows`."""
    return text(
        f"""
        DELETE FROM {table.name} t
         USING (SELECT CAST(:school_id AS uuid) AS school_id, r.*
                  FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({first} uuid, {second} uuid) OFFSET 0) AS r
         WHERE t.school_id = r.school_id AND t.{first} = r.{first} AND t.{second} = r.{second}
        """
    )


@dataclass(frozen=True, slots=True)
class BatchWrite:
    """Statements that write many rows of one table. Most rows are new, and a plain INSERT is cheaper for these."""

    insert: TextClause
    upsert: TextClause

    @classmethod
    def for_table(cls, table: Table, *, mutable: str, left_out: str = "") -> BatchWrite:
        """Return the statements for all columns without a default but the `left_out`; an upsert sets the `mutable`."""
        columns = {
            column.name: column.type.compile(_DIALECT)
            for column in table.columns
            if column.name not in ("school_id", *left_out.split()) and column.server_default is None
        }
        definitions = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        insert = (
            f"INSERT INTO {table.name} (school_id, {', '.join(columns)}) "
            f"SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({definitions})"
        )
        key = ", ".join(column.name for column in table.primary_key)
        changes = ", ".join(f"{column} = excluded.{column}" for column in mutable.split())
        return cls(text(insert), text(f"{insert} ON CONFLICT ({key}) DO UPDATE SET {changes}"))


@dataclass(frozen=True, slots=True)
class SchoolWriter:
    """Runs statements on rows of one school, each only if there are rows to write."""

    tx: Transaction
    school_id: UUID

    async def save(
        self, write: BatchWrite, *, added: Sequence[dict[str, Any]], updated: Sequence[dict[str, Any]]
    ) -> None:
        """Update before inserting, so that new rows may take values that updated rows give up."""
        await self.run(write.upsert, updated)
        await self.run(write.insert, added)

    async def run(self, statement: TextClause, rows: Sequence[dict[str, Any]]) -> None:
        """Run a statement that takes `rows` as JSON."""
        if rows:
            await self.tx.execute(statement, {"school_id": self.school_id, "rows": as_json(rows)})

    async def run_by_ids(self, statement: TextClause, ids: Iterable[UUID]) -> None:
        """Run a statement that takes `ids`."""
        if id_list := list(ids):
            await self.tx.execute(statement, {"school_id": self.school_id, "ids": id_list})
