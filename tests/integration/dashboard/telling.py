"""Facts told by their owners as far as their outboxes and histories; the dashboard hears of them by hand."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.dashboard.storage.rebuilt import TABLES
from shared.contracts.envelope import Received, decode
from shared.contracts.message import Message
from shared.runtime.database import Database
from shared.runtime.messaging import EventArchive, OutboxMessage, emit
from shared.runtime.messaging.event_archive import archive_sent
from tests.integration.dashboard.feed import deliver

OWNERS = ("roster", "invitations", "notifier", "signup")


@dataclass
class Owners:
    """The owners' databases."""

    databases: dict[str, Database]

    @property
    def histories(self) -> list[EventArchive]:
        return [EventArchive(database) for database in self.databases.values()]

    async def tell(self, facts: Sequence[Received[Message]]) -> None:
        """Emit them, each in its owner's outbox; they count as published."""
        of_owner: defaultdict[str, list[Received[Message]]] = defaultdict(list)
        for fact in facts:
            of_owner[fact.data.contract.topic.owner].append(fact)
        for owner, told in of_owner.items():
            async with self.databases[owner].transaction() as tx:
                await emit(tx, *(OutboxMessage(f.data, f.school_id, f.version, f.actor) for f in told))
                await tx.execute("UPDATE outbox SET created_at = now() - interval '8 days'")
                await tx.execute("DELETE FROM outbox_pending")

    async def told(self) -> list[Received[Message]]:
        """All that was told, as consumers read it."""
        found = []
        for history in self.histories:
            async for page in history.pages():
                found += [decode(one.value, one.headers) for one in page if one.value is not None]
        return found

    async def age(self) -> None:
        """What housekeeping does a week later."""
        for database in self.databases.values():
            async with database.transaction() as tx:
                await archive_sent(tx, days=7, batch=100_000)


@asynccontextmanager
async def owners_of(url: str) -> AsyncIterator[Owners]:
    databases = {owner: Database(url, schema=owner) for owner in OWNERS}
    try:
        yield Owners(databases)
    finally:
        for database in databases.values():
            async with database:
                pass


async def everything(database: Database) -> dict[str, list[str]]:
    """Every row that pages are made of."""
    found = {}
    async with database.transaction() as tx:
        for table in TABLES:
            rows = await tx.rows(f"SELECT CAST(to_jsonb(t) AS text) AS row FROM {table} t ORDER BY 1")
            found[table] = [row.row for row in rows]
    return found


async def emptied(database: Database) -> None:
    """As a schema that was made anew."""
    async with database.transaction() as tx:
        for table in (*TABLES, "inbox"):
            await tx.execute(f"DELETE FROM {table}")


async def heard(database: Database, owners: Owners) -> dict[str, list[str]]:
    """The live projection, after all facts came one batch of a few at a time."""
    facts = await owners.told()
    for start in range(0, len(facts), 7):
        await deliver(database, facts[start : start + 7])
    return await everything(database)
