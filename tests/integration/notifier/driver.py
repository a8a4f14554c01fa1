"""Driver of the notifier: enqueues commands as the broker would, runs senders, and reads rows and events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifier.channels.base import Channel
from services.notifier.channels.twilio.codes import explain_failure
from services.notifier.consumers import decode
from services.notifier.domain.retry import RetryPolicy
from services.notifier.schedule import ReportApplier
from services.notifier.sending.attempt import Clock
from services.notifier.sending.sender import Sender
from services.notifier.use_cases.channel_policy import ChannelPolicy
from services.notifier.use_cases.claim import Queue
from services.notifier.use_cases.enqueue import enqueue
from services.notifier.views import list_attempts
from shared.contracts.notifier import SendMessage
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from shared.runtime.observability import Health
from tests.integration.notifier.builders import COMPOSER, SCHOOL, received


class ShiftedClock:
    """Monotonic clock that a test can move forward."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.offset_seconds


@dataclass(frozen=True)
class NotifierDriver:
    """Driver of the notifier on one database."""

    database: Database

    async def put(
        self,
        *commands: SendMessage,
        lane: Lane = Lane.SINGLE,
        channels: Sequence[str] = ("email",),
        countries: Sequence[str] = (),
        school_id: UUID = SCHOOL,
    ) -> None:
        """Enqueue commands."""
        async with self.database.transaction() as tx:
            policy = ChannelPolicy(frozenset(channels), frozenset(countries))
            messages = [decode(received(data, school_id=school_id)) for data in commands]
            await enqueue(tx, messages, lane, policy)

    async def messages(self) -> dict[UUID, Any]:
        """Return all rows, by message id."""
        async with self.database.transaction() as tx:
            return {row.message_id: row for row in await tx.rows("SELECT * FROM messages")}

    async def message(self, data: SendMessage) -> Any:
        """Return the row of a message."""
        return (await self.messages())[data.message_id]

    async def attempts(self, data: SendMessage) -> list[str]:
        """Return the verdicts of a message's attempts, in order."""
        async with self.database.transaction() as tx:
            attempts = await list_attempts(tx, [data.message_id])
        return [attempt["verdict"] for attempt in attempts[data.message_id]]

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the emitted events in order: the verb of the type, and the data."""
        async with self.database.transaction() as tx:
            rows = await tx.rows("SELECT headers, data FROM outbox ORDER BY id")
        return [(json.loads(row.headers)["ce_type"].split(".")[2], json.loads(row.data)) for row in rows]

    async def run(self, statement: str) -> None:
        """Change rows without the senders' knowledge."""
        async with self.database.transaction() as tx:
            await tx.execute(statement)

    async def states(self) -> list[str]:
        """Return the states of all messages, sorted."""
        return sorted(row.state for row in (await self.messages()).values())

    def reports(self) -> ReportApplier:
        """Return the periodic task that applies reports, not running."""
        return ReportApplier(self.database, RetryPolicy(), explain_failure, poll_seconds=1)

    def sender(
        self,
        channel: Channel,
        *,
        lane: Lane = Lane.SINGLE,
        lease_seconds: float = 20.0,
        connections: int = 4,
        policy: RetryPolicy | None = None,
        channel_name: str = "email",
        texts_per_hour: int = 0,
        clock: Clock = time.monotonic,
    ) -> Sender:
        """Return a sender that is not running; see `sending`."""
        queue = Queue(channel_name, lane, lease_seconds, policy or RetryPolicy())
        return Sender(
            self.database,
            channel,
            queue,
            COMPOSER,
            connections=connections,
            poll_seconds=0.02,
            texts_per_hour=texts_per_hour,
            clock=clock,
        )


@asynccontextmanager
async def sending(*senders: Sender) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Run senders while the block is open; a bug in one of them fails the test."""
    tasks: list[asyncio.Task[None]] = []
    try:
        for sender in senders:
            await sender.__aenter__()
            tasks.append(asyncio.create_task(sender.periodic_task.run(Health())))
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for sender in senders:
            await sender.__aexit__(None, None, None)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def kill(sender: Sender) -> None:
    """Stop a sender as `kill -9` does: nothing is recorded, nothing is given back."""
    await sender.in_flight.abort()
