"""Pending messages of an outbox, as its relay reads them, on a connection of its own.

Each statement is its own transaction, so a relay that is stopped between two of them holds no lock, and a round costs
two round trips. No statement waits for the disk: if a crash of the database loses a mark or a lease, the relay repeats
what it has published and omits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.engine import make_url

from shared.runtime.core.errors import connection_refusal
from shared.runtime.database.connections import role_name
from shared.runtime.database.transaction import Database
from shared.runtime.messaging.outbox.wakeups import outbox_channel

_ACQUIRE_LEASE = """
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
# Whole runs, until there are enough messages. A message that retention has deleted has no data.
_LIST_PENDING = """
SELECT run.first_id, outbox.id, outbox.message_id, topic, key, headers, data
  FROM (SELECT first_id, last_id,
               sum(messages) OVER (ORDER BY first_id) - messages AS before
          FROM (SELECT first_id, last_id, CAST(last_id - first_id + 1 AS integer) AS messages
                  FROM outbox_runs WHERE lane = $1 ORDER BY first_id LIMIT $2) AS oldest
       ) AS run
  LEFT JOIN outbox ON outbox.id BETWEEN run.first_id AND run.last_id
 WHERE run.before < $2
 ORDER BY run.first_id, outbox.id
"""
_MARK_SENT = "DELETE FROM outbox_runs WHERE lane = $1 AND first_id = ANY($2::bigint[])"
# Repeated if a crash loses the mark: the message's id is the dead letter's.
_SET_ASIDE = """
INSERT INTO dead_letter (dead_letter_id, consumer, source, message_id, topic, partition, record_offset,
                         key, headers, value, reason, detail)
VALUES ($1, $2, $3, CAST(CAST($1 AS uuid) AS text), $4, -1, $5,
        convert_to($6, 'UTF8'), '{}', convert_to($7, 'UTF8'), $8, $9)
ON CONFLICT (dead_letter_id) DO NOTHING
"""
_RELEASE_LEASE = "DELETE FROM relay_lease WHERE lane = $1 AND holder = $2 RETURNING pg_notify($3, 'released')"
_SET_TRANSACTION_TIMEOUT = "SELECT set_config('transaction_timeout', '10000', false)"
_TRANSACTION_TIMEOUT_SINCE = 17
_COMMAND_TIMEOUT_SECONDS = 20.0


class OutboxStore:
    """Pending messages of one lane and the lease on them. It connects when used, and again after `disconnect()`.

    Every method raises errors that `is_transient` recognises: asyncpg's, OSError, TimeoutError, DatabaseRefused.
    """

    def __init__(self, database: Database, lane: str) -> None:
        self._schema = database.schema
        self._lane = lane
        self._dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._current: asyncpg.Connection | None = None

    async def acquire_lease(self, holder: UUID, seconds: float) -> tuple[bool, float]:
        """Acquire or renew the lease. Returns whether `holder` has it, and for how many seconds it is valid."""
        [row] = await self._fetch(_ACQUIRE_LEASE, self._lane, holder, seconds)
        return row["leads"], float(row["others_seconds"] or 0)

    async def list_pending(self, batch: int) -> Sequence[asyncpg.Record]:
        """Return the messages of the oldest runs, whole runs with at least `batch` messages where so many wait.

        A row has first_id of its run, id, message_id, topic, key, headers and data; an empty run yields one row
        without data.
        """
        return await self._fetch(_LIST_PENDING, self._lane, batch)

    async def mark_sent(self, runs: Sequence[int]) -> None:
        """Mark the runs with these first ids as sent."""
        await self._fetch(_MARK_SENT, self._lane, runs)

    async def set_aside(self, row: asyncpg.Record, reason: str, detail: str) -> None:
        """Write a dead letter of the group `<schema>.outbox` for a message that can never be published."""
        group, source = f"{self._schema}.outbox", f"/kinvite/{self._schema}"
        message = (row["message_id"], group, source, row["topic"], row["id"], row["key"], row["data"])
        await self._fetch(_SET_ASIDE, *message, reason, detail)

    async def release_lease(self, holder: UUID) -> None:
        """Release the lease if `holder` has it, and notify the other relays."""
        await self._fetch(_RELEASE_LEASE, self._lane, holder, outbox_channel(self._schema))

    def disconnect(self) -> None:
        """Close the connection at once, whatever runs on it."""
        connection, self._current = self._current, None
        if connection is not None:
            connection.terminate()

    async def _fetch(self, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
        try:
            connection = await self._connection()
            rows: Sequence[asyncpg.Record] = await connection.fetch(statement, *values)
        except asyncpg.InternalClientError as error:  # the connection broke in the middle of an answer
            self.disconnect()
            raise ConnectionError("the connection to the database has failed") from error
        return rows

    async def _connection(self) -> asyncpg.Connection:
        if self._current is None or self._current.is_closed():
            self._current = await self._connect()
        return self._current

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=10,
                command_timeout=_COMMAND_TIMEOUT_SECONDS,
                server_settings={
                    "search_path": self._schema,
                    "application_name": f"kinvite-{self._schema}-relay",
                    "role": role_name(self._schema, "worker"),
                    "jit": "off",
                    "synchronous_commit": "off",
                    # The statistics of a queue are always outdated: force plans that read by the order of an index.
                    **{f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")},
                },
            )
        except asyncpg.PostgresError as error:
            refusal = connection_refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        # A statement whose rows nobody fetches would hold its locks for as long as this process stands still.
        if connection.get_server_version().major >= _TRANSACTION_TIMEOUT_SINCE:
            await connection.execute(_SET_TRANSACTION_TIMEOUT)
        return connection
