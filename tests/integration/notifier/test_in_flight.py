"""Messages in flight: how many there are, and what becomes of them when their sender ends or loses a lease."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from services.notifier.channels.base import LeaseLost, OutboundMessage, Receipt
from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.retry import RetryPolicy
from services.notifier.sending.in_flight import CLAIMED_PER_CONNECTION, HANDED_OVER
from services.notifier.sending.outcome_buffer import UNRECORDED_LIMIT
from services.notifier.sending.sender import Sender
from services.notifier.use_cases.claim import claim_messages
from shared.runtime.messaging import Lane
from tests.integration.notifier.builders import command
from tests.integration.notifier.driver import NotifierDriver, ShiftedClock, kill, sending
from tests.support.pace import pause_for
from tests.support.waiting import eventually


class _Queueing(MemoryChannel):
    """Channel that sends one message at a time; the others wait, as e-mail messages do for a session."""

    def __init__(self) -> None:
        super().__init__()
        self.session = asyncio.Lock()

    async def send(self, message: OutboundMessage) -> Receipt:
        async with self.session:
            if not message.is_held():
                raise LeaseLost
            return await super().send(message)


async def test_leaving_gives_back_what_waits_within_the_channel(driver: NotifierDriver) -> None:
    await driver.put(*(command() for _ in range(10)))
    channel = _Queueing()
    channel.gate.clear()
    sender = driver.sender(channel, connections=4)
    async with sending(sender):
        await eventually(lambda: len(channel.tried) == 1)
        leaving = asyncio.create_task(sender.in_flight.close(60.0))
        await eventually(lambda: sender.in_flight.is_closing)
        channel.gate.set()
        await leaving
    assert Counter(await driver.states()) == {"sent": 1, "queued": 9}
    assert len(channel.accepted) == 1


async def test_what_lost_its_lease_while_it_waited_is_left_to_others(driver: NotifierDriver) -> None:
    await driver.put(command(), command())
    channel = _Queueing()
    channel.gate.clear()
    clock = ShiftedClock()
    sender = driver.sender(channel, connections=2, clock=clock)
    await sender.round()
    await eventually(lambda: len(channel.tried) == 1)
    clock.offset_seconds = 1_000.0
    channel.gate.set()
    await eventually(lambda: not sender.in_flight.messages)
    assert len(channel.tried) == len(sender.outcomes) == 1


@pytest.mark.parametrize(("in_flight", "limit"), [(0, 32), (1, 31), (16, 16), (17, 0), (32, 0), (40, 0)])
async def test_the_queue_is_polled_for_half_of_the_target_or_more(
    driver: NotifierDriver, in_flight: int, limit: int
) -> None:
    channel = MemoryChannel()
    channel.gate.clear()
    sender = driver.sender(channel, connections=2)
    await sender.round()
    assert sender.in_flight.target == 2 * CLAIMED_PER_CONNECTION
    await _hand_over(driver, sender, in_flight)
    assert sender.in_flight.claim_limit() == limit
    assert sender.in_flight.handover_capacity() == HANDED_OVER - in_flight
    await kill(sender)


async def _hand_over(driver: NotifierDriver, sender: Sender, count: int) -> None:
    """Claim messages for the sender and hand them over to it, as the consumer does."""
    await driver.put(*(command(address=f"p{n}@example.org") for n in range(count)))
    async with driver.database.transaction() as tx:
        claims = await claim_messages(tx, sender.queue, limit=count)
    sender.in_flight.add(claims, datetime.now(UTC), sender.in_flight.lease_end())


async def test_i1_a_kill_repeats_no_more_than_the_limit_of_unrecorded_messages(
    driver: NotifierDriver,
) -> None:
    """Nothing is recorded at all here, as while the database does not answer."""
    count = 5 * UNRECORDED_LIMIT
    await driver.put(*(command(address=f"p{n}@example.org") for n in range(count)), lane=Lane.BULK)
    first, second = MemoryChannel(), MemoryChannel()
    killed = driver.sender(first, lane=Lane.BULK, connections=20, lease_seconds=2.0)
    await killed.round()
    await eventually(lambda: len(first.accepted) == UNRECORDED_LIMIT)
    await pause_for(0.2)
    assert len(first.tried) == len(killed.outcomes) == UNRECORDED_LIMIT
    await kill(killed)
    async with sending(driver.sender(second, lane=Lane.BULK)):
        await eventually(lambda: _all_sent(driver, count), within_seconds=60)
    copies = Counter(message.message_id for message in [*first.accepted, *second.accepted])
    assert Counter(copies.values()) == {1: count - UNRECORDED_LIMIT, 2: UNRECORDED_LIMIT}


async def test_messages_that_waited_for_the_limit_are_sent_once_the_others_are_recorded(
    driver: NotifierDriver,
) -> None:
    await driver.put(*(command() for _ in range(3 * UNRECORDED_LIMIT)), lane=Lane.BULK)
    channel = MemoryChannel()
    sender = driver.sender(channel, lane=Lane.BULK, connections=10)
    for rounds in range(1, 4):
        await sender.round()
        await eventually(lambda sent=rounds: len(channel.accepted) == sent * UNRECORDED_LIMIT)  # type: ignore[misc]
        assert len(sender.outcomes) == UNRECORDED_LIMIT
    await sender.round()
    assert await driver.states() == ["sent"] * 3 * UNRECORDED_LIMIT


async def test_what_is_being_sent_counts_towards_the_limit(driver: NotifierDriver) -> None:
    await driver.put(*(command() for _ in range(2 * UNRECORDED_LIMIT)), lane=Lane.BULK)
    channel = MemoryChannel()
    channel.gate.clear()
    sender = driver.sender(channel, lane=Lane.BULK, connections=2 * UNRECORDED_LIMIT)
    await sender.round()
    await eventually(lambda: len(channel.tried) == UNRECORDED_LIMIT)
    channel.gate.set()
    await eventually(lambda: len(sender.outcomes) == UNRECORDED_LIMIT)
    assert len(channel.tried) == UNRECORDED_LIMIT
    await sender.round()
    await eventually(lambda: len(channel.accepted) == 2 * UNRECORDED_LIMIT)


async def test_messages_that_were_not_tried_do_not_count_towards_the_limit(driver: NotifierDriver) -> None:
    await driver.put(*(command() for _ in range(2 * UNRECORDED_LIMIT)), lane=Lane.BULK)
    sender = driver.sender(MemoryChannel(), lane=Lane.BULK, policy=RetryPolicy())
    await sender.round()
    breaker = sender.attempts.breaker.after_failure(sender.in_flight.lease_end(), 0.5, "timeout", "")
    sender.attempts.breaker = breaker
    await eventually(lambda: len(sender.outcomes) == 2 * UNRECORDED_LIMIT)
    assert sender.outcomes.accepted == 0


async def _all_sent(driver: NotifierDriver, count: int) -> bool:
    return await driver.states() == ["sent"] * count
