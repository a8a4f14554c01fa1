"""Work that is cancelled gives its connection back, whatever it was waiting for (SQLAlchemy 8145, 12077, 12099)."""

import asyncio
import random

import asyncpg

from shared.runtime.database import Database
from tests.support.pace import pause_for
from tests.support.postgres import as_owner
from tests.support.waiting import eventually

CANCELLED = 1_000
_AT_ONCE = 50
_SHORT = "SELECT count(*) FROM generate_series(1, 20000)"
_POOL = 4
_STATES = """
SELECT count(*), count(*) FILTER (WHERE state <> 'idle')
  FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kinvite-roster'
"""


async def _work(database: Database, dice: random.Random) -> None:
    """Open a transaction that holds a lock, or waits for one."""
    async with database.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(:key)", {"key": dice.randrange(8)})
        await tx.execute(_SHORT)


async def test_a_thousand_cancelled_transactions_leave_no_connection_and_no_lock(database_url: str) -> None:
    """They are cancelled while they connect, wait for a connection, for a lock, for an answer, or commit."""
    dice = random.Random(27)
    watcher = await asyncpg.connect(as_owner(database_url).replace("+asyncpg", ""))
    try:
        async with Database(database_url, schema="roster", pool_size=_POOL) as database:
            for _ in range(CANCELLED // _AT_ONCE):
                tasks = [asyncio.create_task(_work(database, dice)) for _ in range(_AT_ONCE)]
                for task in dice.sample(tasks, len(tasks)):
                    await pause_for(dice.uniform(0, 0.002))
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(one) for one in ended} <= {asyncio.CancelledError, type(None)}

            async def at_rest() -> None:
                [(every, busy)] = await watcher.fetch(_STATES)
                assert busy == 0
                assert every <= 2 * _POOL

            await eventually(at_rest)
            await asyncio.gather(*(_work(database, dice) for _ in range(_AT_ONCE)))

        async def gone() -> None:
            assert (await watcher.fetchval(_STATES)) == 0

        await eventually(gone)
    finally:
        await watcher.close()
