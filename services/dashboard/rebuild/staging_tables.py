"""Staging tables in which a rebuild builds the projection anew, beside the live tables that pages show.

They are temporary tables with the names of the live ones. PostgreSQL resolves these names to the temporary tables
first, so the consumers' own handlers write them; they disappear with the connection, however it ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.runtime.database import Database, Transaction, create_engine, role_name

TABLES = ("schools", "students", "parents", "links", "timeline", "opt_outs")
LOCK_TIMEOUT_SECONDS = 5.0
POLL_SECONDS = 0.1
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('kinvite.dashboard.rebuild', 0))"
_CURRENT_TRANSACTION_ID = "SELECT CAST(CAST(pg_current_xact_id() AS xid) AS text)"
_LIVE_TABLES_FIRST = "SET LOCAL search_path = dashboard, pg_temp"


class RebuildInProgress(Exception):
    """Another rebuild is running on this database."""


class RebuildSession:
    """Connection with the staging tables.

    `first_transaction_id` is the id of the transaction that created them: the rebuild reads every event that was
    committed before it.
    """

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        self._database = database
        self._connection = connection
        self.first_transaction_id = ""

    @asynccontextmanager
    async def transaction(self, *, live: bool = False) -> AsyncIterator[Transaction]:
        """Open a transaction in which table names mean the staging tables.

        With `live` they mean the live tables, and a staging table is written as `pg_temp.<name>`.
        """
        async with self._database.transaction_on(self._connection) as tx:
            if live:
                await tx.execute(_LIVE_TABLES_FIRST)
            yield tx

    async def start(self, lock_timeout_seconds: float) -> None:
        """Acquire the lock and create the empty staging tables. Raises RebuildInProgress.

        The lock is tried for a while, because the server may notice only late that a previous rebuild was killed.
        """
        deadline = time.monotonic() + lock_timeout_seconds
        while not await self._try_lock():
            if time.monotonic() > deadline:
                raise RebuildInProgress
            await asyncio.sleep(POLL_SECONDS)
        async with self.transaction() as tx:
            for table in TABLES:
                await tx.execute(f"CREATE TEMP TABLE {table} (LIKE dashboard.{table} INCLUDING ALL)")
            self.first_transaction_id = await tx.scalar(_CURRENT_TRANSACTION_ID)

    async def _try_lock(self) -> bool:
        async with self.transaction() as tx:
            return bool(await tx.scalar(_TRY_LOCK))

    async def analyse(self) -> None:
        """Collect statistics of the staging tables, because autovacuum does not visit temporary tables."""
        async with self.transaction() as tx:
            for table in TABLES:
                await tx.execute(f"ANALYZE pg_temp.{table}")


@asynccontextmanager
async def open_rebuild_session(
    database: Database, *, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS
) -> AsyncIterator[RebuildSession]:
    """Open a connection of its own with empty staging tables. Raises RebuildInProgress."""
    role = role_name(database.schema, "worker")
    engine = create_engine(database.url, schema=database.schema, pool_size=1, role=role)
    try:
        async with engine.connect() as connection:
            session = RebuildSession(database, connection)
            await session.start(lock_timeout_seconds)
            yield session
    finally:
        await engine.dispose()
