"""Consumers of all services on one database, without a broker: emitted messages are passed to their handlers and
counted.

There is no broker and no clock, so the same parents make the same batches, statements and rows every time.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition

from shared.contracts.topics import topics_of
from shared.runtime.database import Database
from shared.runtime.messaging import OutboxMessage, emit
from shared.runtime.messaging.inbox.batch_processor import BatchProcessor
from shared.runtime.observability import Health

SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
_PENDING = """
SELECT id, topic, key, headers, data
  FROM outbox_runs AS run JOIN outbox ON outbox.lane = run.lane AND id BETWEEN first_id AND last_id
 ORDER BY id
"""
_MARK_SENT = "DELETE FROM outbox_runs"
_ROWS = """
SELECT schemaname || '.' || relname AS name, n_tup_ins AS inserted, n_tup_upd AS updated FROM pg_stat_user_tables
"""
_BYTES = "SELECT coalesce(sum(octet_length(headers) + octet_length(data)), 0) FROM outbox"


@dataclass(frozen=True, slots=True)
class Record:
    """Record as a broker would deliver it."""

    topic: str
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0


@dataclass(slots=True)
class RoundTrips:
    """Counter of round trips to the database: statements, and the begin and end of transactions."""

    count: int = 0

    def watch(self, database: Database) -> None:
        """Count the round trips of this database."""
        database.watch = self._add

    def _add(self, *_: Any) -> None:
        self.count += 1


@dataclass(slots=True)
class Offsets:
    """Stand-in for the broker's consumer that records commits."""

    commits: list[dict[TopicPartition, int]] = field(default_factory=list)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Record the offsets."""
        self.commits.append(offsets)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that one consumer group processed."""

    group: str
    kinds: frozenset[str]
    records: int
    trips: int
    commits: int


class BulkFixture:
    """Passes messages between the services until no outbox has any left."""

    def __init__(self, database_url: str) -> None:
        self.databases = {name: Database(database_url, schema=name) for name in SERVICES}
        self.trips = {name: RoundTrips() for name in SERVICES}
        self.batches: list[Batch] = []
        self._workers = [
            (
                name,
                topics_of(subscription.group),
                BatchProcessor(subscription, self.databases[name], Health().loop("test"), 0),
            )
            for name in SERVICES
            for subscription in import_module(f"services.{name}.app")
            .create_app()
            .state.subscriptions.subscriptions
        ]
        for name, trips in self.trips.items():
            trips.watch(self.databases[name])

    async def emit_messages(self, service: str, *messages: OutboxMessage) -> None:
        """Emit messages as a service, and pass on everything that follows from them."""
        async with self.databases[service].transaction() as tx:
            await emit(tx, *messages)
        await self.pass_on()

    async def pass_on(self) -> None:
        """Pass messages on until every outbox is empty."""
        while records := [record for name in SERVICES for record in await self._claim_messages(name)]:
            by_topic: dict[str, list[Record]] = defaultdict(list)
            for record in records:
                by_topic[record.topic].append(record)
            for name, topics, worker in self._workers:
                batch = [record for topic in topics for record in by_topic[topic.name]]
                if batch:
                    await self._consume(name, worker, batch)

    async def list_emitted(self, kind: str) -> list[tuple[UUID, dict[str, Any]]]:
        """Return school and data of all messages of this type that were ever emitted."""
        service = kind.partition(".")[0]
        async with self.databases[service].transaction() as tx:
            rows = await tx.rows("SELECT headers, data FROM outbox ORDER BY id")
        messages = ((json.loads(row.headers), row.data) for row in rows)
        return [
            (UUID(header["ce_schoolid"]), json.loads(data))
            for header, data in messages
            if header["ce_type"] == kind
        ]

    async def _claim_messages(self, name: str) -> list[Record]:
        async with self.databases[name].transaction() as tx:
            rows = await tx.rows(_PENDING)
            await tx.execute(_MARK_SENT)
        return [
            Record(
                row.topic,
                row.id,
                row.key.encode(),
                row.data.encode(),
                [(key, value.encode()) for key, value in json.loads(row.headers).items()],
            )
            for row in rows
        ]

    async def _consume(self, name: str, worker: BatchProcessor, batch: list[Record]) -> None:
        offsets, before = Offsets(), self.trips[name].count
        await worker.consume(batch, offsets)
        kinds = frozenset(dict(record.headers)["ce_type"].decode() for record in batch)
        trips = self.trips[name].count - before
        self.batches.append(Batch(worker.subscription.group, kinds, len(batch), trips, len(offsets.commits)))

    async def close(self) -> None:
        """Close all connections, so that their work is in the database's statistics."""
        for database in self.databases.values():
            await database.__aexit__(None, None, None)


async def count_written(database_url: str) -> tuple[Counter[str], dict[str, int]]:
    """Return rows inserted or updated since the database was created, by table, and bytes of all messages, by
    service.
    """
    rows: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for name in SERVICES:
        async with Database(database_url, schema=name) as database, database.transaction() as tx:
            sizes[name] = int(await tx.scalar(_BYTES))
            if not rows:
                rows = Counter({row.name: row.inserted + row.updated for row in await tx.rows(_ROWS)})
    return rows, sizes
