"""Outboxes and event archives of the source services, and the projection that results from their events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.dashboard.rebuild.staging_tables import TABLES
from shared.contracts.envelope import Received, decode
from shared.contracts.message import Message
from shared.runtime.database import Database
from shared.runtime.messaging import EventArchive, OutboxMessage, emit
from shared.runtime.messaging.event_archive import archive_sent
from tests.integration.dashboard.driver import deliver

SOURCES = ("roster", "invitations", "notifier", "signup")


@dataclass
class SourceServices:
    """Databases of the source services."""

    databases: dict[str, Database]

    @property
    def archives(self) -> list[EventArchive]:
        """Event archives of all source services."""
        return [EventArchive(database) for database in self.databases.values()]

    async def emit(self, events: Sequence[Received[Message]]) -> None:
        """Emit the events, each in its service's outbox, where they count as published eight days ago."""
        by_service: defaultdict[str, list[Received[Message]]] = defaultdict(list)
        for event in events:
            by_service[event.data.contract.topic.owner].append(event)
        for service, own_events in by_service.items():
            async with self.databases[service].transaction() as tx:
                messages = [OutboxMessage(e.data, e.school_id, e.version, e.actor) for e in own_events]
                await emit(tx, *messages)
                await tx.execute("UPDATE outbox SET created_at = now() - interval '8 days'")
                await tx.execute("DELETE FROM outbox_runs")

    async def read_events(self) -> list[Received[Message]]:
        """Return all events as consumers receive them."""
        events = []
        for archive in self.archives:
            async for page in archive.pages():
                events += [
                    decode(archived.value, archived.headers)
                    for archived in page
                    if archived.value is not None
                ]
        return events

    async def archive_events(self) -> None:
        """Move the events from the outboxes to the archives, as retention does after a week."""
        for database in self.databases.values():
            async with database.transaction() as tx:
                await archive_sent(tx, days=7, batch=100_000)


@asynccontextmanager
async def open_source_services(url: str) -> AsyncIterator[SourceServices]:
    """Open the databases of all source services."""
    databases = {service: Database(url, schema=service) for service in SOURCES}
    try:
        yield SourceServices(databases)
    finally:
        for database in databases.values():
            async with database:
                pass


async def read_projection(database: Database) -> dict[str, list[str]]:
    """Return every row of the projection as JSON, by table."""
    rows_by_table = {}
    async with database.transaction() as tx:
        for table in TABLES:
            rows = await tx.rows(f"SELECT CAST(to_jsonb(t) AS text) AS row FROM {table} t ORDER BY 1")
            rows_by_table[table] = [row.row for row in rows]
    return rows_by_table


async def empty_projection(database: Database) -> None:
    """Delete the projection and the inbox, as in a new schema."""
    async with database.transaction() as tx:
        for table in (*TABLES, "inbox"):
            await tx.execute(f"DELETE FROM {table}")


async def project_events(database: Database, sources: SourceServices) -> dict[str, list[str]]:
    """Deliver all events in batches of seven and return the projection."""
    events = await sources.read_events()
    for start in range(0, len(events), 7):
        await deliver(database, events[start : start + 7])
    return await read_projection(database)
