"""All services' consumers on one database; what one puts out is carried to its readers by hand, and counted.

No broker and no clock: the same families make the same batches, statements and rows every time.
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
_PENDING = "SELECT id, topic, key, headers, data FROM outbox JOIN outbox_pending USING (lane, id) ORDER BY id"
_MARK = "DELETE FROM outbox_runs"
_ROWS = """
SELECT schemaname || '.' || relname AS name, n_tup_ins AS inserted, n_tup_upd AS updated FROM pg_stat_user_tables
"""
_BYTES = "SELECT coalesce(sum(octet_length(headers) + octet_length(data)), 0) FROM outbox"


@dataclass(frozen=True, slots=True)
class Record:
    """What a broker would hand out."""

    topic: str
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0


@dataclass(slots=True)
class Trips:
    """Round trips to the database: statements, and the begin and end of transactions."""

    count: int = 0

    def watch(self, database: Database) -> None:
        """Count what this database is asked."""
        database.watch = self._add

    def _add(self, *_: Any) -> None:
        self.count += 1


@dataclass(slots=True)
class Offsets:
    """Stands where the consumer of the broker stands: takes note of commits."""

    commits: list[dict[TopicPartition, int]] = field(default_factory=list)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Note the offsets."""
        self.commits.append(offsets)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that one group worked through."""

    group: str
    kinds: frozenset[str]
    records: int
    trips: int
    commits: int


class Mill:
    """Carries messages between the services until nobody has anything to say."""

    def __init__(self, database_url: str) -> None:
        self.databases = {name: Database(database_url, schema=name) for name in SERVICES}
        self.trips = {name: Trips() for name in SERVICES}
        self.batches: list[Batch] = []
        self._workers = [
            (name, topics_of(one.group), BatchProcessor(one, self.databases[name], Health().loop("test"), 0))
            for name in SERVICES
            for one in import_module(f"services.{name}.app").create_app().state.subscriptions.subscriptions
        ]
        for name, trips in self.trips.items():
            trips.watch(self.databases[name])

    async def put(self, service: str, *messages: OutboxMessage) -> None:
        """Let a service say this, and carry all that follows from it."""
        async with self.databases[service].transaction() as tx:
            await emit(tx, *messages)
        await self.carry()

    async def carry(self) -> None:
        """Until every outbox is empty."""
        while records := [record for name in SERVICES for record in await self._take(name)]:
            by_topic: dict[str, list[Record]] = defaultdict(list)
            for record in records:
                by_topic[record.topic].append(record)
            for name, topics, worker in self._workers:
                batch = [record for topic in topics for record in by_topic[topic.name]]
                if batch:
                    await self._work(name, worker, batch)

    async def said(self, kind: str) -> list[tuple[UUID, dict[str, Any]]]:
        """School and data of the messages of this type that were ever put out."""
        service = kind.partition(".")[0]
        async with self.databases[service].transaction() as tx:
            rows = await tx.rows("SELECT headers, data FROM outbox ORDER BY id")
        found = ((json.loads(row.headers), row.data) for row in rows)
        return [(UUID(h["ce_schoolid"]), json.loads(data)) for h, data in found if h["ce_type"] == kind]

    async def _take(self, name: str) -> list[Record]:
        async with self.databases[name].transaction() as tx:
            rows = await tx.rows(_PENDING)
            await tx.execute(_MARK)
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

    async def _work(self, name: str, worker: BatchProcessor, batch: list[Record]) -> None:
        offsets, before = Offsets(), self.trips[name].count
        await worker.consume(batch, offsets)
        kinds = frozenset(dict(record.headers)["ce_type"].decode() for record in batch)
        trips = self.trips[name].count - before
        self.batches.append(Batch(worker.subscription.group, kinds, len(batch), trips, len(offsets.commits)))

    async def close(self) -> None:
        """Give all connections back; what they did is in the database's statistics then."""
        for database in self.databases.values():
            await database.__aexit__(None, None, None)


async def written(database_url: str) -> tuple[Counter[str], dict[str, int]]:
    """Rows inserted or updated since the database was made, by table, and bytes of all messages, by service."""
    rows: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for name in SERVICES:
        async with Database(database_url, schema=name) as database, database.transaction() as tx:
            sizes[name] = int(await tx.scalar(_BYTES))
            if not rows:
                rows = Counter({row.name: row.inserted + row.updated for row in await tx.rows(_ROWS)})
    return rows, sizes
