"""Driver of the runtime tests: two services reduced to their messaging.

`roster` emits, `invitations` consumes and counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.roster import ParentAdded, ParentDetails, ParentRenamed
from shared.runtime.database import Database, Transaction
from shared.runtime.messaging import Handler, Kafka, Lane, OutboxMessage, Subscription, emit
from shared.runtime.messaging.inbox.runner import SubscriptionRunner
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from tests.support.brokers.base import Broker
from tests.support.postgres import execute_as_owner

GROUP = "invitations.on-roster"
SCHOOL = uuid4()
_EFFECTS = """
CREATE TABLE invitations.effects (message_id text, parent_id uuid, version bigint, trace text,
                                  at bigint GENERATED ALWAYS AS IDENTITY);
GRANT SELECT, INSERT ON invitations.effects TO invitations_worker
"""
_EFFECT = (
    "INSERT INTO effects (message_id, parent_id, version, trace) VALUES (:id, :parent_id, :version, :trace)"
)


def added(parent_id: UUID | None = None, *, version: int = 1) -> OutboxMessage:
    """Build a ParentAdded, of a new parent by default."""
    data = ParentAdded(parent_id=parent_id or uuid4(), parent=ParentDetails(name="Ada Example"))
    return OutboxMessage(data, SCHOOL, version)


def renamed(parent_id: UUID, *, version: int) -> OutboxMessage:
    """Build a ParentRenamed."""
    return OutboxMessage(
        ParentRenamed(parent_id=parent_id, parent=ParentDetails(name="Ada B.")), SCHOOL, version
    )


@dataclass(slots=True)
class RuntimeDriver:
    """Producer, consumer and broker of one test."""

    kafka: Kafka
    roster: Database
    invitations: Database
    bugs: list[BaseException] = field(default_factory=list)

    async def emit(self, *messages: OutboxMessage) -> None:
        """Emit the messages in one transaction."""
        async with self.roster.transaction() as tx:
            await emit(tx, *messages)

    async def effects(self) -> list[Any]:
        """Return what the handler did, in order."""
        return await self._all("SELECT message_id, parent_id, version, trace FROM effects ORDER BY at")

    async def dead_letters(self) -> list[Any]:
        """Return the dead letters."""
        return await self._all("SELECT reason, detail, value FROM dead_letter ORDER BY parked_at")

    async def pending(self) -> int:
        """Return the number of messages that are not published yet."""
        async with self.roster.transaction() as tx:
            return int(await tx.scalar("SELECT coalesce(sum(last_id - first_id + 1), 0) FROM outbox_runs"))

    async def _all(self, statement: str) -> list[Any]:
        async with self.invitations.transaction() as tx:
            return list(await tx.rows(statement))

    @asynccontextmanager
    async def relaying(self, replicas: int = 1) -> AsyncIterator[list[Relay]]:
        """Run relays of the single lane."""
        relays = [
            Relay(self.roster, self.kafka, Lane.SINGLE, Health(), poll_milliseconds=20)
            for _ in range(replicas)
        ]
        tasks = [asyncio.create_task(relay.run()) for relay in relays]
        try:
            yield relays
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def consuming(
        self,
        handlers: Mapping[type[Message], Handler] | None = None,
        *,
        health: Health | None = None,
        dead_letter_limit: int = 1_000,
        on_bug: Callable[[BaseException], None] | None = None,
    ) -> AsyncIterator[SubscriptionRunner]:
        """Run the consumer group, which by default records every message as one effect."""
        subscription = Subscription(
            GROUP, handlers or {ParentAdded: record_effects, ParentRenamed: record_effects}
        )
        async with SubscriptionRunner(
            self.kafka,
            self.invitations,
            [subscription],
            health or Health(),
            dead_letter_limit_per_hour=dead_letter_limit,
            on_bug=on_bug or self.bugs.append,
        ) as consumers:
            await consumers.started()
            yield consumers


async def record_effects(tx: Transaction, messages: Sequence[Received[Message]]) -> None:
    """Insert one row per message."""
    await tx.execute(
        _EFFECT,
        [
            {"id": one.id, "parent_id": one.aggregate_id, "version": one.version, "trace": one.traceparent}
            for one in messages
        ],
    )


@asynccontextmanager
async def runtime_driver(database_url: str, broker: Broker) -> AsyncIterator[RuntimeDriver]:
    """Create the topics and open the databases."""
    kafka = Kafka(broker.bootstrap, profile=broker.profile, topic_prefix=broker.prefix)
    await kafka.create_topics()
    async with (
        Database(database_url, schema="roster") as roster,
        Database(database_url, schema="invitations") as invitations,
    ):
        await execute_as_owner(database_url, _EFFECTS)
        yield RuntimeDriver(kafka, roster, invitations)
