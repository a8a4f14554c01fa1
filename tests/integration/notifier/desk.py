"""Puts commands in as the broker would, runs senders, and reads rows and facts back."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.notifier.channels.base import Channel
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.accepting import accept
from services.notifier.service.claiming import Links, Queue
from services.notifier.service.outlets import Outlets
from services.notifier.timers.sender import Sender
from services.notifier.views import attempts_of
from shared.contracts.envelope import Attributes, Received
from shared.contracts.notifier import SendMessage
from shared.runtime.core import LinkTokenKeys, new_id
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from shared.runtime.observability import Health
from tests.support.apps import PUBLIC_URL, TOKEN_KEYS

SCHOOL = UUID("00000000-0000-7000-8000-00000000000a")
KEYS = LinkTokenKeys.from_setting(TOKEN_KEYS)
LINKS = Links(PUBLIC_URL, KEYS)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def command(**changes: Any) -> SendMessage:
    """A command to send a verification mail, with `changes`; `address` and `name` are the recipient's."""
    recipient = {
        "address": changes.pop("address", "maria@example.org"),
        "name": changes.pop("name", "Maria Lopez"),
    }
    fields = {
        "message_id": new_id(),
        "template": "verify",
        "channel": "email",
        "recipient": recipient,
        "language": "en",
        "school_name": "Forest School",
        "timezone": "Europe/Berlin",
        "parent_id": new_id(),
        "invitation_id": new_id(),
        "generation": 1,
        "token_key_id": "k1",
        "expires_at": datetime.now(UTC) + timedelta(days=7),
    }
    return SendMessage.model_validate({**fields, **changes})


def received(data: SendMessage, *, school_id: UUID = SCHOOL) -> Received[SendMessage]:
    """The command as a consumer's handler gets it."""
    attributes = Attributes(
        id=str(new_id()),
        source="/kinvite/invitations",
        type=data.contract.type,
        subject=data.key,
        school_id=school_id,
        version=1,
        time=datetime.now(UTC),
        traceparent=TRACE,
    )
    return Received(data, attributes)


@dataclass(frozen=True)
class Desk:
    database: Database

    async def put(
        self,
        *commands: SendMessage,
        lane: Lane = Lane.SINGLE,
        channels: Sequence[str] = ("email",),
        countries: Sequence[str] = (),
        school_id: UUID = SCHOOL,
    ) -> None:
        """Queue commands."""
        async with self.database.transaction() as tx:
            outlets = Outlets(frozenset(channels), frozenset(countries))
            await accept(tx, [received(each, school_id=school_id) for each in commands], lane, outlets)

    async def messages(self) -> dict[UUID, Any]:
        """All rows, by message id."""
        async with self.database.transaction() as tx:
            return {row.message_id: row for row in await tx.rows("SELECT * FROM messages")}

    async def message(self, data: SendMessage) -> Any:
        """The row of a message."""
        return (await self.messages())[data.message_id]

    async def attempts(self, data: SendMessage) -> list[str]:
        """The verdicts of a message's attempts, in order."""
        async with self.database.transaction() as tx:
            shown = await attempts_of(tx, [data.message_id])
        return [attempt["verdict"] for attempt in shown[data.message_id]]

    async def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """What was emitted, in order: the last words of the type, and the data."""
        async with self.database.transaction() as tx:
            rows = await tx.rows("SELECT headers, data FROM outbox ORDER BY id")
        return [(json.loads(row.headers)["ce_type"].split(".")[2], json.loads(row.data)) for row in rows]

    async def run(self, statement: str) -> None:
        """Change rows behind the senders' backs."""
        async with self.database.transaction() as tx:
            await tx.execute(statement)

    async def states(self) -> list[str]:
        """The states of all messages."""
        return sorted(row.state for row in (await self.messages()).values())

    def sender(
        self,
        channel: Channel,
        *,
        lane: Lane = Lane.SINGLE,
        lease_seconds: float = 20.0,
        connections: int = 4,
        policy: RetryPolicy | None = None,
        database: Database | None = None,
        channel_name: str = "email",
        texts_per_hour: int = 0,
    ) -> Sender:
        """A sender that nothing drives yet; see `sending`."""
        queue = Queue(channel_name, lane, lease_seconds, policy or RetryPolicy())
        return Sender(
            database or self.database,
            channel,
            queue,
            LINKS,
            connections=connections,
            poll_seconds=0.02,
            texts_per_hour=texts_per_hour,
        )


@asynccontextmanager
async def sending(*senders: Sender) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Senders that run while the block is open; a bug in one of them fails the test."""
    tasks: list[asyncio.Task[None]] = []
    try:
        for sender in senders:
            await sender.__aenter__()
            tasks.append(asyncio.create_task(sender.timer.run(Health())))
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


async def vanish(sender: Sender) -> None:
    """What kill -9 does: everything stops, nothing is recorded, nothing is given back."""
    tasks = list(sender.hands._tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
