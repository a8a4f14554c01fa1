"""The relay: takes pending outbox rows to the broker in id order. The only place that publishes.

One relay per service and lane is at work, by a lease row: `until` is five seconds ahead on the database's clock and is
renewed while it works. A holder that was stopped loses the lease; coming back it can only repeat what was published,
never overtake, because rows are marked after the broker's acknowledgement and consumers de-duplicate. They are marked
in the transaction that reads the next batch, or the last of all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic_core import from_json
from sqlalchemy import Row

from shared.runtime.arrivals import announce
from shared.runtime.database import Database, Transaction
from shared.runtime.errors import is_transient
from shared.runtime.health import Health
from shared.runtime.ids import new_id
from shared.runtime.kafka import Kafka, abandon
from shared.runtime.logging import describe, get_logger
from shared.runtime.outbox import Lane
from shared.runtime.retry import Backoff

LEASE_SECONDS = 5.0
STANDBY_SECONDS = 1.0
BATCH = 500
LONGEST_IDLE = 10

_RENEW = """
INSERT INTO relay_lease AS held (lane, holder, fence, until)
VALUES (:lane, :holder, 1, clock_timestamp() + make_interval(secs => :seconds))
ON CONFLICT (lane) DO UPDATE
   SET holder = excluded.holder, until = excluded.until,
       fence = held.fence + CASE WHEN held.holder = excluded.holder THEN 0 ELSE 1 END
 WHERE held.holder = excluded.holder OR held.until < clock_timestamp()
RETURNING fence
"""
# A message that housekeeping took away meanwhile has no data; its row here goes with the others.
_PENDING = """
SELECT pending.id, topic, key, headers, data
  FROM (SELECT id FROM outbox_pending WHERE lane = :lane ORDER BY id LIMIT :batch) AS pending
  LEFT JOIN outbox ON outbox.id = pending.id
 ORDER BY pending.id
"""
_MARK = "DELETE FROM outbox_pending WHERE lane = :lane AND id = ANY(CAST(:ids AS bigint[]))"
_RELEASE = "DELETE FROM relay_lease WHERE lane = :lane AND holder = :holder"

log = get_logger("relay")


class Relay:
    """Publishes one lane of one service. `run()` until cancelled; `wake()` when something was emitted."""

    def __init__(
        self, database: Database, kafka: Kafka, lane: Lane, health: Health, *, poll_milliseconds: int = 100
    ) -> None:
        self._database = database
        self._kafka = kafka
        self._lane = lane
        self._holder = new_id()
        self._poll_seconds = poll_milliseconds / 1000
        self._idle_seconds = self._poll_seconds
        self._acknowledged: list[int] = []
        self._progress = health.loop(f"relay.{lane.value}")
        self._wake = asyncio.Event()
        self._leads_until = 0.0
        self._asked_at = float("-inf")
        self._producer: AIOKafkaProducer | None = None

    def wake(self) -> None:
        """Look at once; safe to call at any time from this event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled; failures of database or broker are waited out, anything else is a bug and raised."""
        backoff = Backoff()
        try:
            while True:
                try:
                    more = await self._round()
                except Exception as error:
                    if not is_transient(error):
                        raise
                    await self._recover(error)
                    await backoff.wait()
                    continue
                backoff.reset()
                self._progress.beat()
                if more:
                    self._idle_seconds = self._poll_seconds
                else:
                    await self._sleep()
        finally:
            await asyncio.shield(self._close())

    async def _round(self) -> bool:
        """Mark what the last round published, and publish the next batch; whether there was one."""
        if self._stands_by() and not self._acknowledged:
            return False
        async with self._database.transaction(on_queue=True) as transaction:
            await self._mark(transaction)
            leads = await self._leads(transaction)
            rows = (
                await transaction.rows(_PENDING, {"lane": self._lane.value, "batch": BATCH}) if leads else []
            )
        self._acknowledged = []
        if not rows:
            return False
        await self._publish([row for row in rows if row.data is not None])
        self._acknowledged = [row.id for row in rows]
        return True

    async def _mark(self, transaction: Transaction) -> None:
        if self._acknowledged:
            await transaction.execute(_MARK, {"lane": self._lane.value, "ids": self._acknowledged})

    def _stands_by(self) -> bool:
        """Another relay held the lease when we last asked, and it is too early to ask again."""
        now = time.monotonic()
        return self._leads_until <= now and now - self._asked_at < STANDBY_SECONDS

    async def _leads(self, transaction: Transaction) -> bool:
        """Hold or take the lease; it is renewed when half of it is over."""
        asked_at = time.monotonic()
        if self._leads_until - asked_at > LEASE_SECONDS / 2:
            return True
        self._asked_at = asked_at
        fence = await transaction.scalar(
            _RENEW, {"lane": self._lane.value, "holder": self._holder, "seconds": LEASE_SECONDS}
        )
        self._leads_until = asked_at + LEASE_SECONDS if fence is not None else 0.0
        return fence is not None

    async def _publish(self, rows: Sequence[Row[Any]]) -> None:
        producer = await self._started()
        async with asyncio.timeout(60):
            futures = [
                await producer.send(
                    self._kafka.name(row.topic),
                    key=row.key.encode(),
                    value=row.data.encode(),
                    headers=[(name, text.encode()) for name, text in from_json(row.headers).items()],
                )
                for row in rows
            ]
            await asyncio.gather(*futures)
        announce(self._kafka.bootstrap, {self._kafka.name(row.topic) for row in rows})

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self._kafka.producer()
            try:
                await producer.start()
            except BaseException:
                await abandon(producer)
                raise
            self._producer = producer
        return self._producer

    async def _recover(self, error: Exception) -> None:
        """Start over with a new producer: an idempotent one can stay stuck after a lost sequence (aiokafka 1017)."""
        self._progress.stall("broker or database does not answer")
        log.warning("relay.interrupted", lane=self._lane.value, **describe(error))
        await self._drop_producer()

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(5):
                await abandon(producer)
        except Exception as error:  # noqa: BLE001 - it is thrown away either way
            log.info("producer.abandoned", lane=self._lane.value, **describe(error))

    async def _sleep(self) -> None:
        """Until woken, or for a while: longer and longer while nothing comes, but never past half of the lease."""
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._wake.wait()
        except TimeoutError:
            longest = max(self._poll_seconds, min(LONGEST_IDLE * self._poll_seconds, STANDBY_SECONDS))
            self._idle_seconds = min(2 * self._idle_seconds, longest)
        self._wake.clear()

    async def _close(self) -> None:
        await self._drop_producer()
        try:
            async with asyncio.timeout(2), self._database.transaction(on_queue=True) as transaction:
                await self._mark(transaction)
                await transaction.execute(_RELEASE, {"lane": self._lane.value, "holder": self._holder})
        except Exception as error:  # noqa: BLE001 - the lease ends by itself
            log.info("lease.left_to_expire", lane=self._lane.value, **describe(error))
