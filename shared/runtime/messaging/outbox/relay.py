"""Relay: publishes pending outbox rows in id order. Nothing else publishes.

One relay per service and lane is active, by a lease row: `until` is five seconds ahead on the database's clock and is
renewed while the relay works. A holder that was stopped loses the lease. When it comes back it can only repeat what was
published, never overtake it, because rows are marked as sent after the broker's acknowledgement and consumers
deduplicate.

A round publishes all that is pending, up to a full batch. On the bulk lane a round begins a fifth of a second after the
one before, or as soon as 250 messages are known to be pending, so that a bulk run leaves in few rounds instead of one
per commit. On the single lane nothing is held back, and commands to send leave before the events emitted with them,
whose consumers would otherwise compete with the sending of a message that somebody waits for. Order is promised within
a topic only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from shared.contracts.envelope import MAX_VALUE_BYTES
from shared.contracts.topics import NOTIFIER_COMMANDS
from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import is_transient
from shared.runtime.core.ids import new_id
from shared.runtime.database.transaction import Database
from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.broker.publisher import Publisher, Record
from shared.runtime.messaging.outbox.emit import Lane
from shared.runtime.messaging.outbox.store import OutboxStore
from shared.runtime.messaging.outbox.wakeups import notify_waiters, wakeups_of
from shared.runtime.observability.health import Health
from shared.runtime.observability.logging import describe_error, get_logger

LEASE_SECONDS = 5.0
BATCH = 1_000
GATHER_SECONDS = {Lane.SINGLE: 0.0, Lane.BULK: 0.2}
ENOUGH_MESSAGES = 250
MAX_IDLE_POLLS = 25
_PUBLISH_TIMEOUT_SECONDS = 60

log = get_logger("relay")


class _TooLargeError(ValueError):
    """Message that every reader would reject, and a broker may refuse for ever."""


class _Pending(NamedTuple):
    topic: str
    record: Record


class Relay:
    """Relay of one lane of one service. `run()` publishes until cancelled; `wake()` announces emitted messages."""

    def __init__(
        self, database: Database, kafka: Kafka, lane: Lane, health: Health, *, poll_milliseconds: int = 100
    ) -> None:
        self._store = OutboxStore(database, lane.value)
        self._leases = wakeups_of(database).lease_valid_until
        self._kafka = kafka
        self._lane = lane
        self._holder = new_id()
        self._poll_seconds = poll_milliseconds / 1000
        self._idle_seconds = self._poll_seconds
        self._acknowledged: list[int] = []
        self._heartbeat = health.loop(f"relay.{lane.value}")
        self._woken = asyncio.Event()
        self._emitted = 0
        self._enough = asyncio.Event()
        self._lease_valid_until = 0.0
        self._next_attempt_at = float("-inf")
        self._publisher = Publisher(kafka)
        self._ending = False
        self._interrupted = False

    def wake(self, messages: int = 1) -> None:
        """Poll the outbox: that many messages were emitted. Safe to call at any time from this event loop."""
        self._woken.set()
        self._emitted += messages
        if self._emitted >= ENOUGH_MESSAGES:
            self._enough.set()

    def try_acquire(self) -> None:
        """Try to acquire the lease now, then poll the outbox."""
        self._next_attempt_at = float("-inf")
        self._woken.set()

    def end(self) -> bool:
        """Let `run` return once all that was committed before is published. Returns False if publishing is failing."""
        self._ending = True
        self._woken.set()
        return not self._interrupted

    async def run(self) -> None:
        """Publish until `end`, waiting out failures of database and broker. Raises anything else, which is a bug."""
        backoff = Backoff()
        try:
            while True:
                ending = self._ending
                self._woken.clear()
                self._enough.clear()
                self._emitted = 0
                started_at = time.monotonic()
                try:
                    published = await self._publish_round()
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
                self._heartbeat.beat()
                if ending and not published:
                    return
                if not ending:
                    await self._rest(published, started_at)
        finally:
            await asyncio.shield(self._close())

    async def _publish_round(self) -> int:
        """Publish all that is pending, up to a batch, mark it as sent, and return the number of messages."""
        await self._mark_sent()
        if not await self._hold_lease():
            return 0
        rows = await self._store.list_pending(BATCH)
        if not rows:
            return 0
        await self._publish([row for row in rows if row["data"] is not None])
        self._acknowledged = list(dict.fromkeys(row["first_id"] for row in rows))
        await self._mark_sent()
        return len(rows)

    async def _mark_sent(self) -> None:
        if self._acknowledged:
            await self._store.mark_sent(self._acknowledged)
            self._acknowledged = []

    async def _hold_lease(self) -> bool:
        """Acquire or keep the lease; it is renewed in its second half, and attempted when another's has ended."""
        now = time.monotonic()
        if self._lease_valid_until - now > LEASE_SECONDS / 2:
            return True
        if self._lease_valid_until <= now < self._next_attempt_at:
            return False
        holds, others_seconds = await self._store.acquire_lease(self._holder, LEASE_SECONDS)
        self._lease_valid_until = now + LEASE_SECONDS if holds else 0.0
        self._leases[self._lane.value] = self._lease_valid_until
        self._next_attempt_at = now + min(max(others_seconds, self._poll_seconds), LEASE_SECONDS)
        return holds

    async def _readable(self, rows: Sequence[Any]) -> list[_Pending]:
        """Return the rows as records. One that can never be published becomes a dead letter; the others go on."""
        pending = []
        for row in rows:
            try:
                pending.append(_Pending(row["topic"], self._to_record(row)))
            except (ValueError, AttributeError) as error:
                reason = "too_large" if isinstance(error, _TooLargeError) else "unreadable_headers"
                log.error("message.set_aside", message_id=str(row["message_id"]), reason=reason)
                await self._store.set_aside(row, reason, type(error).__name__)
        return pending

    async def _publish(self, rows: Sequence[Any]) -> None:
        pending = await self._readable(rows)
        commands = [message for message in pending if message.topic == NOTIFIER_COMMANDS.name]
        events = [message for message in pending if message.topic != NOTIFIER_COMMANDS.name]
        for group in filter(None, (commands, events)):
            async with asyncio.timeout(_PUBLISH_TIMEOUT_SECONDS):
                await self._publisher.publish([message.record for message in group])
            notify_waiters(self._kafka.bootstrap, {message.record[0] for message in group})

    def _to_record(self, row: Any) -> Record:
        headers = [(name, value.encode()) for name, value in from_json(row["headers"]).items()]
        value = row["data"].encode()
        if len(value) > MAX_VALUE_BYTES:
            raise _TooLargeError
        return self._kafka.name(row["topic"]), row["key"].encode(), value, headers

    async def _recover(self, error: Exception) -> None:
        """Start over with a new producer: an idempotent one can stay stuck after a lost sequence (aiokafka 1017)."""
        self._interrupted = True
        self._heartbeat.degrade("broker or database does not answer")
        log.warning("relay.interrupted", lane=self._lane.value, **describe_error(error))
        self._store.disconnect()
        await self._publisher.disconnect()

    async def _rest(self, published: int, started_at: float) -> None:
        """Wait until woken: not at all after a full round, and after another one until enough has gathered.

        Polling intervals grow while nothing is emitted, up to half of the lease.
        """
        if published:
            self._idle_seconds = self._poll_seconds
            if published >= BATCH:
                return
            await self._gather(started_at + GATHER_SECONDS[self._lane])
        quiet_seconds = (
            self._idle_seconds
            if self._lease_valid_until
            else max(self._next_attempt_at - time.monotonic(), 0.0)
        )
        try:
            async with asyncio.timeout(quiet_seconds):
                await self._woken.wait()
        except TimeoutError:
            longest = max(self._poll_seconds, min(MAX_IDLE_POLLS * self._poll_seconds, LEASE_SECONDS / 2))
            self._idle_seconds = min(2 * self._idle_seconds, longest)

    async def _gather(self, until: float) -> None:
        """Wait until that moment, or until enough messages are pending."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._enough.wait()
        except TimeoutError:
            return

    async def _close(self) -> None:
        self._leases.pop(self._lane.value, None)
        await self._publisher.disconnect()
        try:
            async with asyncio.timeout(2):
                await self._mark_sent()
                await self._store.release_lease(self._holder)
        except Exception as error:  # noqa: BLE001 - the lease ends by itself
            log.info("lease.left_to_expire", lane=self._lane.value, **describe_error(error))
        finally:
            self._store.disconnect()
