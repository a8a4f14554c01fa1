"""Messages of the outbox that can never be published: dead letters, and the others leave."""

from __future__ import annotations

import asyncio

import pytest

from shared.contracts.envelope import MAX_VALUE_BYTES
from shared.runtime.messaging import Lane, list_dead_letters
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from tests.integration.runtime.driver import added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("headers = '{'", "unreadable_headers"),
        ("headers = '[1]'", "unreadable_headers"),
        ("headers = '{\"ce_id\": 7}'", "unreadable_headers"),
        (f"data = repeat('x', {MAX_VALUE_BYTES + 1})", "too_large"),
    ],
)
async def test_a_message_that_cannot_become_a_record_is_a_dead_letter_and_the_others_leave(
    database_url: str, broker: Broker, damage: str, reason: str
) -> None:
    async with runtime_driver(database_url, broker) as driver:
        messages = [added() for _ in range(3)]
        await driver.emit(*messages)
        async with driver.roster.transaction() as tx:
            await tx.execute(f"UPDATE outbox SET {damage} WHERE key = :key", {"key": messages[1].data.key})
        relay = Relay(driver.roster, driver.kafka, Lane.SINGLE, Health(), poll_milliseconds=20)
        work = asyncio.create_task(relay.run())

        async def nothing_is_pending() -> None:
            async with driver.roster.transaction() as tx:
                assert await tx.scalar("SELECT count(*) FROM outbox_runs") == 0

        try:
            await eventually(nothing_is_pending)
            assert not work.done()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        async with driver.roster.transaction() as tx:
            [dead_letter] = await list_dead_letters(tx, "roster.outbox")
        assert (dead_letter.consumer, dead_letter.reason) == ("roster.outbox", reason)
