"""Commands that are claimed for a sender of this process as they are inserted: one row version, and no poll."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.channels.base import Unavailable
from services.notifier.channels.memory import MemoryChannel
from services.notifier.consumers import CommandConsumer, decode
from services.notifier.sending import in_flight
from services.notifier.sending.sender import Sender
from services.notifier.use_cases.channel_policy import ChannelPolicy
from services.notifier.use_cases.enqueue import enqueue
from shared.contracts.notifier import SendMessage
from shared.runtime.messaging import Lane
from tests.integration.notifier.builders import command, received
from tests.integration.notifier.driver import NotifierDriver, kill, sending
from tests.support.waiting import eventually

POLICY = ChannelPolicy(frozenset({"email"}))


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


def _consumer(sender: Sender, *, lane: Lane = Lane.BULK) -> CommandConsumer:
    return CommandConsumer(lane, POLICY, {"email": sender.in_flight})


async def _consume(driver: NotifierDriver, consumer: CommandConsumer, *commands: SendMessage) -> None:
    async with driver.database.transaction() as tx:
        await consumer.on_send_message(tx, [received(data) for data in commands])
    consumer.on_committed()


async def _poll_once(sender: Sender) -> None:
    """Poll the empty queue, so that the sender takes messages from the consumer."""
    await sender.round()


async def test_a_command_is_claimed_as_it_is_written_and_sent_without_a_poll(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    sender = driver.sender(channel, lane=Lane.BULK)
    await _poll_once(sender)
    channel.gate.clear()
    data = command()
    await _consume(driver, _consumer(sender), data)
    row = await driver.message(data)
    assert (row.state, row.fence, row.attempts) == ("sending", 1, 0)
    assert row.locked_until > row.began_at
    await eventually(lambda: len(channel.tried) == 1)
    channel.gate.set()
    await eventually(lambda: len(sender.outcomes) == 1)
    await sender.round()
    assert await driver.states() == ["sent"]
    assert await driver.attempts(data) == ["sent"]
    assert [kind for kind, _ in await driver.events()] == ["sent"]


async def test_what_exceeds_the_capacity_waits_and_follows(
    driver: NotifierDriver, channel: MemoryChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "HANDED_OVER", 40)
    sender = driver.sender(channel, lane=Lane.BULK, connections=2)
    await _poll_once(sender)
    channel.gate.clear()
    many = 40 + 18
    await _consume(driver, _consumer(sender), *(command() for _ in range(many)))
    assert await driver.states() == ["queued"] * 18 + ["sending"] * 40
    assert sender.in_flight.handover_capacity() == 0, "older ones wait"
    async with sending(sender):
        channel.gate.set()
        await eventually(lambda: len(channel.accepted) == many)
        await eventually(lambda: _all_sent(driver, many))


async def _all_sent(driver: NotifierDriver, count: int) -> bool:
    return await driver.states() == ["sent"] * count


async def test_i2_what_is_rolled_back_is_never_begun(driver: NotifierDriver, channel: MemoryChannel) -> None:
    sender = driver.sender(channel, lane=Lane.BULK)
    await _poll_once(sender)
    consumer = _consumer(sender)
    lost, stored = command(address="lost@example.org"), command(address="kept@example.org")
    with pytest.raises(ConnectionError):
        async with driver.database.transaction() as tx:
            await consumer.on_send_message(tx, [received(lost)])
            raise ConnectionError
    await _consume(driver, consumer, stored)
    await eventually(lambda: len(channel.accepted) == 1)
    assert [message.address for message in channel.tried] == ["kept@example.org"]
    assert list(await driver.messages()) == [stored.message_id]


async def test_a_command_that_comes_twice_in_one_batch_is_sent_once(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    sender = driver.sender(channel, lane=Lane.BULK)
    await _poll_once(sender)
    consumer = _consumer(sender)
    data = command()
    await _consume(driver, consumer, data, data)
    await _consume(driver, consumer, data)
    async with sending(sender):
        await eventually(lambda: _all_sent(driver, 1))
    assert len(channel.tried) == 1


async def test_a_link_that_is_dead_on_arrival_is_announced_and_not_sent(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    sender = driver.sender(channel, lane=Lane.BULK)
    await _poll_once(sender)
    expired = command(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await _consume(driver, _consumer(sender), expired)
    async with sending(sender):

        async def has_failed() -> bool:
            return await driver.states() == ["failed_permanent"]

        await eventually(has_failed)
    assert channel.tried == []


async def test_a_sender_that_dies_after_the_commit_leaves_its_messages_to_another(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    dying = driver.sender(channel, lane=Lane.BULK, lease_seconds=2.0)
    await _poll_once(dying)
    channel.gate.clear()
    commands = [command(address=f"p{n}@example.org") for n in range(20)]
    await _consume(driver, _consumer(dying), *commands)
    await kill(dying)
    assert await driver.states() == ["sending"] * 20
    channel.gate.set()
    async with sending(driver.sender(channel, lane=Lane.BULK)):
        await eventually(lambda: _all_sent(driver, 20))
    assert {message.address for message in channel.accepted} == {data.recipient.address for data in commands}
    assert await driver.attempts(commands[0]) == ["interrupted", "sent"]


async def test_nothing_is_begun_on_a_channel_that_rests_or_ends(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    sender = driver.sender(channel, lane=Lane.BULK)
    await _poll_once(sender)
    assert sender.in_flight.handover_capacity() > 0
    breaker = sender.attempts.breaker.after_failure(asyncio.get_running_loop().time(), 0.5, "timeout", "")
    sender.attempts.breaker = breaker
    assert sender.in_flight.handover_capacity() == 0
    sender.attempts.breaker = breaker.after_success()
    assert sender.in_flight.handover_capacity() > 0
    await sender.__aexit__(None, None, None)
    assert sender.in_flight.handover_capacity() == 0
    await _consume(driver, _consumer(sender), command())
    assert await driver.states() == ["queued"]


async def test_a_channel_that_fails_gives_back_what_was_begun(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    channel.down = Unavailable("no_connection", "Not now.", retry_after_seconds=600.0)
    sender = driver.sender(channel, lane=Lane.BULK, connections=1)
    await _poll_once(sender)
    await _consume(driver, _consumer(sender), *(command() for _ in range(10)))
    await eventually(lambda: len(sender.outcomes) == 10)
    await sender.round()
    assert await driver.states() == ["failed_temporary"] + ["queued"] * 9
    assert len(channel.tried) == 1


async def test_what_comes_as_the_last_worker_ends_finds_another(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    sender = driver.sender(channel, lane=Lane.BULK, connections=1)
    await _poll_once(sender)
    async with driver.database.transaction() as tx:
        messages = [decode(received(command())) for _ in range(2)]
        enqueued = await enqueue(tx, messages, Lane.BULK, POLICY, capacity={"email": 2}, lease_seconds=20.0)
    loop = asyncio.get_running_loop()
    lease_until = sender.in_flight.lease_end()
    sender.in_flight.add(enqueued.claims[:1], enqueued.claimed_at, lease_until)
    loop.call_soon(sender.in_flight.add, enqueued.claims[1:], enqueued.claimed_at, lease_until)
    await eventually(lambda: len(channel.accepted) == 2)


async def test_a_bug_while_sending_ends_the_loop(
    driver: NotifierDriver, channel: MemoryChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = driver.sender(channel, lane=Lane.BULK)
    await _poll_once(sender)

    async def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(sender.attempts, "attempt", fail)
    await _consume(driver, _consumer(sender), command())
    with pytest.raises(RuntimeError, match="a bug of ours"):
        async with sending(sender) as running:
            await asyncio.wait(running)
