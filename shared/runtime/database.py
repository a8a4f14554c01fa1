"""The one way to PostgreSQL: `transaction()`. Only it commits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import CursorResult, Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_BEGIN = text("SELECT now() AS now, set_config('app.schools', :schools, true)")
_NOTIFY = text("SELECT pg_notify(:channel, '')")


class Transaction:
    """An open transaction. `now` is the database's clock at its begin (UTC); raise to roll everything back."""

    def __init__(self, connection: AsyncConnection, now: datetime, schema: str) -> None:
        self._connection = connection
        self.now = now
        self.schema = schema
        self.emitted = False

    async def execute(self, statement: Executable | str, parameters: Parameters = None) -> CursorResult[Any]:
        """Run a statement; a string is wrapped in `text()`."""
        prepared = text(statement) if isinstance(statement, str) else statement
        return await self._connection.execute(prepared, parameters)

    async def rows(self, statement: Executable | str, parameters: Parameters = None) -> Sequence[Row[Any]]:
        """All rows."""
        return (await self.execute(statement, parameters)).all()

    async def row(self, statement: Executable | str, parameters: Parameters = None) -> Row[Any] | None:
        """The first row, or None."""
        return (await self.execute(statement, parameters)).first()

    async def scalar(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """The first column of the first row, or None."""
        return (await self.execute(statement, parameters)).scalar()


class Database:
    """A service's own schema. An async context manager; closing gives all connections back."""

    def __init__(self, url: str, *, schema: str, pool_size: int = 8) -> None:
        self.url = url
        self.schema = schema
        self.channel = f"outbox_{schema}"
        self._engine: AsyncEngine = create_engine(url, schema=schema, pool_size=pool_size)
        self._wakers: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.dispose()

    def on_emit(self, wake: Callable[[], None]) -> None:
        """Call `wake` in this process after every commit that wrote to the outbox."""
        self._wakers.append(wake)

    @asynccontextmanager
    async def transaction(self, *, schools: Collection[UUID] | None = None) -> AsyncIterator[Transaction]:
        """Begin; commit when the block ends, roll back when it raises.

        `schools` limits the rows that row-level security shows to those schools; None (workers) sees all.
        """
        visible = "*" if schools is None else ",".join(str(school) for school in schools)
        async with self._engine.connect() as connection, connection.begin() as begun:
            now = (await connection.execute(_BEGIN, {"schools": visible})).scalar_one()
            transaction = Transaction(connection, now, self.schema)
            yield transaction
            if transaction.emitted:
                await connection.execute(_NOTIFY, {"channel": self.channel})
            await begun.commit()
        if transaction.emitted:
            for wake in self._wakers:
                wake()


def create_engine(url: str, *, schema: str, pool_size: int = 2) -> AsyncEngine:
    """An engine whose connections see the service's schema first; errors never show parameters."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={
            "timeout": 10,
            "server_settings": {
                "search_path": schema,
                "application_name": f"kinvite-{schema}",
                "jit": "off",
                "idle_in_transaction_session_timeout": "60000",
            },
        },
    )
