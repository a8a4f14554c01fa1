"""The relay: takes pending outbox rows to the broker in id order. The only place that publishes.

One relay per service and lane is at work, by a lease row: `until` is five seconds ahead on the database's clock and is
renewed while it works. A holder that was stopped loses the lease; coming back it can only repeat what was published,
never overtake, because rows are marked after the broker's acknowledgement and consumers de-duplicate.

A round takes all that waits, up to a full batch. What is emitted while nothing is under way leaves at once. Behind it,
on the bulk lane, a round begins a fifth of a second after the one before, or as soon as 250 messages are known to wait:
a run of thousands leaves in a few rounds instead of one for each commit. On the single lane nothing ever waits, and
commands to send leave before the facts that were emitted with them: somebody waits for the mail, and who copies the
facts would else wake at the same moment. Order is promised within a topic only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from shared.contracts.topics import NOTIFIER_COMMANDS
from shared.runtime.arrivals import announce
from shared.runtime.database import Database
from shared.runtime.errors import is_transient
from shared.runtime.health import Health
from shared.runtime.ids import new_id
from shared.runtime.kafka import Kafka
from shared.runtime.logging import describe, get_logger
from shared.runtime.outbox import Lane
from shared.runtime.outbox_queue import OutboxQueue
from shared.runtime.publishing import Publisher, Record
from shared.runtime.retry import Backoff

LEASE_SECONDS = 5.0
BATCH = 1_000
GATHER_SECONDS = {Lane.SINGLE: 0.0, Lane.BULK: 0.2}
ENOUGH = 250
LONGEST_IDLE = 25
_PUBLISH_SECONDS = 60

log = get_logger("relay")


class Relay:
    """Publishes one lane of one service. `run()` until cancelled; `wake()` when something was emitted."""

    def __init__(
        self, database: Database, kafka: Kafka, lane: Lane, health: Health, *, poll_milliseconds: int = 100
    ) -> None:
        self._database = database
        self._queue = OutboxQueue(database, lane.value)
        self._kafka = kafka
        self._lane = lane
        self._holder = new_id()
        self._poll_seconds = poll_milliseconds / 1000
        self._idle_seconds = self._poll_seconds
        self._acknowledged: list[int] = []
        self._progress = health.loop(f"relay.{lane.value}")
        self._wake = asyncio.Event()
        self._emitted = 0
        self._enough = asyncio.Event()
        self._leads_until = 0.0
        self._asks_at = float("-inf")
        self._publisher = Publisher(kafka)
        self._ending = False
        self._interrupted = False

    def wake(self, messages: int = 1) -> None:
        """So many were emitted, as far as is known: look. Safe to call at any time from this event loop."""
        self._wake.set()
        self._emitted += messages
        if self._emitted >= ENOUGH:
            self._enough.set()

    def ask(self) -> None:
        """The lease may be free: ask for it at once, and look."""
        self._asks_at = float("-inf")
        self._wake.set()

    def end(self) -> bool:
        """Let `run` return once all is published that was committed before. Answers False where publishing fails."""
        self._ending = True
        self._wake.set()
        return not self._interrupted

    async def run(self) -> None:
        """Publish until `end`; failures of database or broker are waited out, anything else is a bug and raised."""
        backoff = Backoff()
        try:
            while True:
                ending = self._ending
                self._wake.clear()
                self._enough.clear()
                self._emitted = 0
                begun = time.monotonic()
                try:
                    found = await self._round()
                except Exception as error:
                    if not is_transient(error):
                        raise
                    await self._recover(error)
                    if self._ending:
                        return
                    await backoff.wait()
                    continue
                backoff.reset()
                self._interrupted = False
                self._progress.beat()
                if ending and not found:
                    return
                if not ending:
                    await self._rest(found, begun)
        finally:
            await asyncio.shield(self._close())

    async def _round(self) -> int:
        """Publish all that waits, up to a batch, and mark it; how many messages there were."""
        await self._mark()
        if not await self._leads():
            return 0
        rows = await self._queue.take(BATCH)
        if not rows:
            return 0
        await self._publish([row for row in rows if row["data"] is not None])
        self._acknowledged = list(dict.fromkeys(row["first_id"] for row in rows))
        await self._mark()
        return len(rows)

    async def _mark(self) -> None:
        if self._acknowledged:
            await self._queue.mark(self._acknowledged)
            self._acknowledged = []

    async def _leads(self) -> bool:
        """Hold or take the lease: renewed when half of it is over, asked for when the other's is over."""
        now = time.monotonic()
        if self._leads_until - now > LEASE_SECONDS / 2:
            return True
        if self._leads_until <= now < self._asks_at:
            return False
        leads, others_seconds = await self._queue.lead(self._holder, LEASE_SECONDS)
        self._leads_until = now + LEASE_SECONDS if leads else 0.0
        self._database.led[self._lane.value] = self._leads_until
        self._asks_at = now + min(max(others_seconds, self._poll_seconds), LEASE_SECONDS)
        return leads

    async def _publish(self, rows: Sequence[Any]) -> None:
        urgent = [row for row in rows if row["topic"] == NOTIFIER_COMMANDS.name]
        others = [row for row in rows if row["topic"] != NOTIFIER_COMMANDS.name]
        for some in filter(None, (urgent, others)):
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await self._publisher.publish(map(self._record, some))
            announce(self._kafka.bootstrap, {self._kafka.name(row["topic"]) for row in some})

    def _record(self, row: Any) -> Record:
        headers = [(name, text.encode()) for name, text in from_json(row["headers"]).items()]
        return self._kafka.name(row["topic"]), row["key"].encode(), row["data"].encode(), headers

    async def _recover(self, error: Exception) -> None:
        """Start over with a new producer: an idempotent one can stay stuck after a lost sequence (aiokafka 1017)."""
        self._interrupted = True
        self._progress.stall("broker or database does not answer")
        log.warning("relay.interrupted", lane=self._lane.value, **describe(error))
        self._queue.drop()
        await self._publisher.drop()

    async def _rest(self, found: int, begun: float) -> None:
        """Until woken; not at all after a full round, and behind another one not before enough was gathered.

        Unwoken for a while: longer and longer while nothing comes, but never past half of the lease.
        """
        if found:
            self._idle_seconds = self._poll_seconds
            if found >= BATCH:
                return
            await self._gather(begun + GATHER_SECONDS[self._lane])
        quiet_seconds = (
            self._idle_seconds if self._leads_until else max(self._asks_at - time.monotonic(), 0.0)
        )
        try:
            async with asyncio.timeout(quiet_seconds):
                await self._wake.wait()
        except TimeoutError:
            longest = max(self._poll_seconds, min(LONGEST_IDLE * self._poll_seconds, LEASE_SECONDS / 2))
            self._idle_seconds = min(2 * self._idle_seconds, longest)

    async def _gather(self, until: float) -> None:
        """Until that moment or until enough messages wait."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._enough.wait()
        except TimeoutError:
            return

    async def _close(self) -> None:
        self._database.led.pop(self._lane.value, None)
        await self._publisher.drop()
        try:
            async with asyncio.timeout(2):
                await self._mark()
                await self._queue.release(self._holder)
        except Exception as error:  # noqa: BLE001 - the lease ends by itself
            log.info("lease.left_to_expire", lane=self._lane.value, **describe(error))
        finally:
            self._queue.drop()
