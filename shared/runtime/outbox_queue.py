"""What waits in an outbox, as its relay meets it: a connection of its own, and one statement at a time.

Each statement is its own transaction, so a relay that is stopped between two of them holds nothing, and a round costs
two round trips. None waits for the disk: a mark or a lease that a crash of the database takes back makes a relay repeat
what it published, never leave something out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.engine import make_url

from shared.runtime.database import Database, role_of
from shared.runtime.errors import refusal_of

_LEAD = """
WITH held AS (
    INSERT INTO relay_lease AS held (lane, holder, fence, until)
    VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
    ON CONFLICT (lane) DO UPDATE
       SET holder = excluded.holder, until = excluded.until,
           fence = held.fence + CASE WHEN held.holder = excluded.holder THEN 0 ELSE 1 END
     WHERE held.holder = excluded.holder OR held.until < clock_timestamp()
    RETURNING fence
)
SELECT EXISTS (SELECT FROM held) AS leads,
       (SELECT extract(epoch FROM until - clock_timestamp()) FROM relay_lease WHERE lane = $1) AS others_seconds
"""
# Whole runs, until there are enough messages. A message that housekeeping took away meanwhile has no data.
_TAKE = """
SELECT run.first_id, topic, key, headers, data
  FROM (SELECT first_id, last_id,
               sum(messages) OVER (ORDER BY first_id) - messages AS before
          FROM (SELECT first_id, last_id, CAST(last_id - first_id + 1 AS integer) AS messages
                  FROM outbox_runs WHERE lane = $1 ORDER BY first_id LIMIT $2) AS oldest
       ) AS run
  LEFT JOIN outbox ON outbox.id BETWEEN run.first_id AND run.last_id
 WHERE run.before < $2
 ORDER BY run.first_id, outbox.id
"""
_MARK = "DELETE FROM outbox_runs WHERE lane = $1 AND first_id = ANY($2::bigint[])"
_RELEASE = "DELETE FROM relay_lease WHERE lane = $1 AND holder = $2 RETURNING pg_notify($3, 'released')"
_CANNOT_LAST = "SELECT set_config('transaction_timeout', '10000', false)"
_FIRST_WITH_TRANSACTION_TIMEOUT = 17
_ANSWER_SECONDS = 20.0


class OutboxQueue:
    """One lane's pending messages and the lease on them. Connects when it is used, and again after `drop()`.

    Every method raises what `is_transient` knows: asyncpg's errors, OSError, TimeoutError, DatabaseRefused.
    """

    def __init__(self, database: Database, lane: str) -> None:
        self._database = database
        self._lane = lane
        self._dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._open: asyncpg.Connection | None = None

    async def lead(self, holder: UUID, seconds: float) -> tuple[bool, float]:
        """Take, keep or be refused the lease; and how long the one who had it before may keep it still (seconds)."""
        [row] = await self._rows(_LEAD, self._lane, holder, seconds)
        return row["leads"], float(row["others_seconds"] or 0)

    async def take(self, batch: int) -> Sequence[asyncpg.Record]:
        """The oldest runs, whole, with at least `batch` messages where so many wait.

        A row per message (first_id of its run, topic, key, headers, data), or one without data for an empty run.
        """
        return await self._rows(_TAKE, self._lane, batch)

    async def mark(self, runs: Sequence[int]) -> None:
        """These runs are published."""
        await self._rows(_MARK, self._lane, runs)

    async def release(self, holder: UUID) -> None:
        """Give the lease up and say so, where it is held."""
        await self._rows(_RELEASE, self._lane, holder, self._database.channel)

    def drop(self) -> None:
        """Away with the connection, whatever it is doing."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.terminate()

    async def _rows(self, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
        try:
            connection = await self._connection()
            rows: Sequence[asyncpg.Record] = await connection.fetch(statement, *values)
        except asyncpg.InternalClientError as error:  # what the driver says of one that broke at a bad moment
            self.drop()
            raise ConnectionError("the connection to the database has failed") from error
        return rows

    async def _connection(self) -> asyncpg.Connection:
        if self._open is None or self._open.is_closed():
            self._open = await self._connect()
        return self._open

    async def _connect(self) -> asyncpg.Connection:
        schema = self._database.schema
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=10,
                command_timeout=_ANSWER_SECONDS,
                server_settings={
                    "search_path": schema,
                    "application_name": f"kinvite-{schema}-relay",
                    "role": role_of(schema, "worker"),
                    "jit": "off",
                    "synchronous_commit": "off",
                    # Statistics of a queue are always of another moment: in order of an index it reads what it takes.
                    **{f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")},
                },
            )
        except asyncpg.PostgresError as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
        # A statement whose rows nobody fetches would hold its locks as long as this process stands still.
        if connection.get_server_version().major >= _FIRST_WITH_TRANSACTION_TIMEOUT:
            await connection.execute(_CANNOT_LAST)
        return connection
