"""A projection made anew beside the one that pages show, and put in its place a range of rows at a time.

The new rows are made in temporary tables of the same names, which PostgreSQL finds first, so that the consumers'
own handlers write them; they are gone when the connection is, however that ends. Rows of the shown projection that
nobody has touched since the making began become what was made, or go. Others were touched by facts that the
making may have missed: of those each register keeps the newer value, as with any fact.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.runtime.database import Database, Transaction, create_engine, role_name

TABLES = ("schools", "students", "parents", "links", "timeline", "opt_outs")
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.1
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('kinvite.dashboard.rebuild', 0))"
_BEGUN = "SELECT CAST(CAST(pg_current_xact_id() AS xid) AS text)"
_OWN_TABLES_FIRST = "SET LOCAL search_path = dashboard, pg_temp"


class RebuildRunning(Exception):
    """Another rebuild is at work on this database."""


class Making:
    """One connection with the temporary tables. `begun`: the transaction before which all is known to be read."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.begun = ""

    @asynccontextmanager
    async def transaction(self, *, shown: bool = False) -> AsyncIterator[Transaction]:
        """Table names mean the temporary tables, or with `shown` those of the service (then say `pg_temp.parents`)."""
        async with self._connection.begin():
            now = (await self._connection.exec_driver_sql("SELECT now()")).scalar_one()
            transaction = Transaction(self._connection, now, "dashboard")
            if shown:
                await transaction.execute(_OWN_TABLES_FIRST)
            yield transaction

    async def start(self) -> None:
        """Make the empty tables. Raises RebuildRunning: the server may take a moment to miss one that was killed."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not await self._locked():
            if time.monotonic() > until:
                raise RebuildRunning
            await asyncio.sleep(POLL_SECONDS)
        async with self.transaction() as tx:
            for table in TABLES:
                await tx.execute(f"CREATE TEMP TABLE {table} (LIKE dashboard.{table} INCLUDING ALL)")
            self.begun = await tx.scalar(_BEGUN)

    async def _locked(self) -> bool:
        async with self.transaction() as tx:
            return bool(await tx.scalar(_LOCK))

    async def analyse(self) -> None:
        """Let the planner know how large the tables became: nobody else does that for temporary ones."""
        async with self.transaction() as tx:
            for table in TABLES:
                await tx.execute(f"ANALYZE pg_temp.{table}")


@asynccontextmanager
async def making(database: Database) -> AsyncIterator[Making]:
    """A connection of its own, ready to be written to. Raises RebuildRunning."""
    role = role_name(database.schema, "worker")
    engine = create_engine(database.url, schema=database.schema, pool_size=1, role=role)
    try:
        async with engine.connect() as connection:
            made = Making(connection)
            await made.start()
            yield made
    finally:
        await engine.dispose()
