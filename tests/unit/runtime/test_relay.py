"""What a relay sends first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane
from shared.runtime.messaging.broker.publisher import Record
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health


class _Publisher:
    def __init__(self) -> None:
        self.requests: list[list[tuple[str, bytes]]] = []

    async def publish(self, records: Iterable[Record]) -> None:
        self.requests.append([(topic, key) for topic, key, *_ in records])


async def test_a_command_leaves_before_the_events_that_were_emitted_with_it_and_topics_keep_their_order() -> (
    None
):
    async with Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="invitations") as database:
        relay = Relay(database, Kafka("127.0.0.1:1"), Lane.SINGLE, Health())
        publisher = _Publisher()
        relay._publisher = publisher  # type: ignore[assignment]
        topics = ["invitations.invitation", "notifier.commands"] * 2
        rows: list[dict[str, Any]] = [
            {"topic": topic, "key": str(number), "headers": "{}", "data": "{}"}
            for number, topic in enumerate(topics)
        ]
        await relay._publish(rows)
        await relay._publish(rows[:1])
    assert publisher.requests == [
        [("notifier.commands", b"1"), ("notifier.commands", b"3")],
        [("invitations.invitation", b"0"), ("invitations.invitation", b"2")],
        [("invitations.invitation", b"0")],
    ]
