"""How PostgreSQL would run what a service has asked it: with the values it was asked with, and with any."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from shared.runtime.database import Database, Result, role_name
from shared.runtime.database.statements import CompiledStatement, StatementRunner

_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum BETWEEN 1 AND $2"


@dataclass(slots=True)
class Asked:
    """Every statement that a database was asked, once, with the first values."""

    statements: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def watch(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take note from now on: of what SQLAlchemy sends, and of what goes straight to the driver."""
        for engine in database._engines.values():
            event.listen(engine.sync_engine, "before_cursor_execute", self._note)
        run = StatementRunner.run

        async def noted(
            session: StatementRunner, asked: CompiledStatement, parameters: Mapping[str, Any] | None
        ) -> Result:
            values = tuple(parameters[name] for name in asked.names) if parameters else ()
            self.statements.setdefault(asked.sql, values)
            return await run(session, asked, parameters)

        monkeypatch.setattr(StatementRunner, "run", noted)

    def _note(self, _: Any, __: Any, statement: str, values: tuple[Any, ...], *___: Any) -> None:
        self.statements.setdefault(statement, tuple(values))

    def about(self, *tables: str) -> dict[str, tuple[Any, ...]]:
        """Those that name one of the tables."""
        named = re.compile(rf"\b({'|'.join(tables)})\b")
        return {statement: values for statement, values in self.statements.items() if named.search(statement)}


class Planner:
    """Explains statements as a service's worker would run them."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def walks(self, plan: str, *, columns: int) -> list[str]:
        """Where a plan reads a whole table, or asks an index for less than its first `columns` columns."""
        found = re.findall(r"Seq Scan on (\w+)", plan)
        for index, condition in re.findall(
            r"(?:using|Bitmap Index Scan on) (\w+).*\n\s+Index Cond: (.*)", plan
        ):
            names = [row[0] for row in await self._connection.fetch(_COLUMNS, index, columns)]
            if not all(re.search(rf"\b{name}\b", condition, re.IGNORECASE) for name in names):
                found.append(f"{index}: {condition}")
        return found

    async def plans(self, statement: str, values: tuple[Any, ...]) -> dict[str, str]:
        """The plan for these values, and the one that PostgreSQL keeps for all."""
        own = await self._connection.fetch(f"EXPLAIN {statement}", *values)
        await self._connection.execute(f"PREPARE asked AS {statement}")
        given = f"({', '.join('NULL' for _ in values)})" if values else ""
        kept = await self._connection.fetch(f"EXPLAIN EXECUTE asked{given}")
        await self._connection.execute("DEALLOCATE asked")
        return {"for these values": _text(own), "for any": _text(kept)}


@asynccontextmanager
async def planner(database: Database) -> AsyncIterator[Planner]:
    """Plans of the schema's worker."""
    url = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {
        "search_path": database.schema,
        "role": role_name(database.schema, "worker"),
        "random_page_cost": "1.1",
        "plan_cache_mode": "force_generic_plan",
    }
    connection = await asyncpg.connect(url, server_settings=settings, statement_cache_size=0)
    try:
        yield Planner(connection)
    finally:
        await connection.close()


def _text(rows: list[asyncpg.Record]) -> str:
    return "\n".join(row[0] for row in rows)
