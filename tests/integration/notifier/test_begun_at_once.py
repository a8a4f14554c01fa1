"""Commands that a sender of this process claims as they are written: one row, and no look at the queue."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.channels.base import Unavailable
from services.notifier.channels.memory import MemoryChannel
from services.notifier.consumers import Commands
from services.notifier.service.accepting import accept
from services.notifier.service.outlets import Outlets
from services.notifier.timers import hands
from services.notifier.timers.sender import Sender
from shared.contracts.notifier import SendMessage
from shared.runtime.messaging import Lane
from tests.integration.notifier.desk import Desk, command, received, sending, vanish
from tests.support.waiting import eventually


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


def _commands(sender: Sender, *, lane: Lane = Lane.BULK) -> Commands:
    return Commands(lane, Outlets(frozenset({"email"})), {"email": sender})


async def _consume(desk: Desk, commands: Commands, *data: SendMessage) -> None:
    async with desk.database.transaction() as tx:
        await commands.on_send_message(tx, [received(each) for each in data])
    commands.committed()


async def _idle(sender: Sender) -> None:
    """It has looked once and found nothing."""
    await sender.round()


async def test_a_command_is_claimed_as_it_is_written_and_sent_without_a_look(
    desk: Desk, channel: MemoryChannel
) -> None:
    sender = desk.sender(channel, lane=Lane.BULK)
    await _idle(sender)
    channel.open_gate.clear()
    data = command()
    await _consume(desk, _commands(sender), data)
    row = await desk.message(data)
    assert (row.state, row.fence, row.attempts) == ("sending", 1, 0)
    assert row.locked_until > row.began_at
    await eventually(lambda: len(channel.tried) == 1)
    channel.open_gate.set()
    await eventually(lambda: len(sender.hands.outcomes) == 1)
    await sender.round()
    assert await desk.states() == ["sent"]
    assert await desk.attempts(data) == ["sent"]
    assert [kind for kind, _ in await desk.facts()] == ["sent"]


async def test_what_there_is_no_place_for_waits_and_follows(
    desk: Desk, channel: MemoryChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "HANDED_OVER", 40)
    sender = desk.sender(channel, lane=Lane.BULK, connections=2)
    await _idle(sender)
    channel.open_gate.clear()
    many = 40 + 18
    await _consume(desk, _commands(sender), *(command() for _ in range(many)))
    assert await desk.states() == ["queued"] * 18 + ["sending"] * 40
    assert sender.places() == 0, "older ones wait"
    async with sending(sender):
        channel.open_gate.set()
        await eventually(lambda: len(channel.taken) == many)
        await eventually(lambda: _all_sent(desk, many))


async def _all_sent(desk: Desk, count: int) -> bool:
    return await desk.states() == ["sent"] * count


async def test_i2_what_is_rolled_back_is_never_begun(desk: Desk, channel: MemoryChannel) -> None:
    sender = desk.sender(channel, lane=Lane.BULK)
    await _idle(sender)
    commands = _commands(sender)
    lost, kept = command(address="lost@example.org"), command(address="kept@example.org")
    with pytest.raises(ConnectionError):
        async with desk.database.transaction() as tx:
            await commands.on_send_message(tx, [received(lost)])
            raise ConnectionError
    await _consume(desk, commands, kept)
    await eventually(lambda: len(channel.taken) == 1)
    assert [each.address for each in channel.tried] == ["kept@example.org"]
    assert list(await desk.messages()) == [kept.message_id]


async def test_a_command_that_comes_twice_in_one_batch_is_sent_once(
    desk: Desk, channel: MemoryChannel
) -> None:
    sender = desk.sender(channel, lane=Lane.BULK)
    await _idle(sender)
    commands = _commands(sender)
    data = command()
    await _consume(desk, commands, data, data)
    await _consume(desk, commands, data)
    async with sending(sender):
        await eventually(lambda: _all_sent(desk, 1))
    assert len(channel.tried) == 1


async def test_a_link_that_is_dead_on_arrival_is_told_and_not_sent(
    desk: Desk, channel: MemoryChannel
) -> None:
    sender = desk.sender(channel, lane=Lane.BULK)
    await _idle(sender)
    await _consume(desk, _commands(sender), command(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    async with sending(sender):

        async def failed() -> bool:
            return await desk.states() == ["failed_permanent"]

        await eventually(failed)
    assert channel.tried == []


async def test_p6_a_sender_that_dies_after_the_commit_leaves_its_messages_to_another(
    desk: Desk, channel: MemoryChannel
) -> None:
    dying = desk.sender(channel, lane=Lane.BULK, lease_seconds=2.0)
    await _idle(dying)
    channel.open_gate.clear()
    sent = [command(address=f"p{n}@example.org") for n in range(20)]
    await _consume(desk, _commands(dying), *sent)
    await vanish(dying)
    assert await desk.states() == ["sending"] * 20
    channel.open_gate.set()
    async with sending(desk.sender(channel, lane=Lane.BULK)):
        await eventually(lambda: _all_sent(desk, 20))
    assert {each.address for each in channel.taken} == {each.recipient.address for each in sent}
    assert await desk.attempts(sent[0]) == ["interrupted", "sent"]


async def test_nothing_is_begun_on_a_channel_that_rests_or_ends(desk: Desk, channel: MemoryChannel) -> None:
    sender = desk.sender(channel, lane=Lane.BULK)
    await _idle(sender)
    assert sender.places() > 0
    tripped = sender._attempts.breaker.tripped(asyncio.get_running_loop().time(), 0.5, "timeout", "")
    sender._attempts.breaker = tripped
    assert sender.places() == 0
    sender._attempts.breaker = tripped.worked()
    assert sender.places() > 0
    await sender.__aexit__(None, None, None)
    assert sender.places() == 0
    await _consume(desk, _commands(sender), command())
    assert await desk.states() == ["queued"]


async def test_a_channel_that_fails_gives_back_what_was_begun(desk: Desk, channel: MemoryChannel) -> None:
    channel.down = Unavailable("no_connection", "Not now.", retry_after_seconds=600.0)
    sender = desk.sender(channel, lane=Lane.BULK, connections=1)
    await _idle(sender)
    await _consume(desk, _commands(sender), *(command() for _ in range(10)))
    await eventually(lambda: len(sender.hands.outcomes) == 10)
    await sender.round()
    assert await desk.states() == ["failed_temporary"] + ["queued"] * 9
    assert len(channel.tried) == 1


async def test_what_comes_as_the_last_worker_ends_finds_another(desk: Desk, channel: MemoryChannel) -> None:
    sender = desk.sender(channel, lane=Lane.BULK, connections=1)
    await _idle(sender)
    async with desk.database.transaction() as tx:
        both = [received(command()) for _ in range(2)]
        accepted = await accept(tx, both, Lane.BULK, Outlets(frozenset({"email"})), {"email": sender})
    loop = asyncio.get_running_loop()
    until = loop.time() + 20.0
    sender.begin(accepted.begun[:1], accepted.at, until)
    loop.call_soon(sender.begin, accepted.begun[1:], accepted.at, until)
    await eventually(lambda: len(channel.taken) == 2)


async def test_a_bug_while_sending_ends_the_loop(
    desk: Desk, channel: MemoryChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = desk.sender(channel, lane=Lane.BULK)
    await _idle(sender)

    async def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(sender._attempts, "attempt", fail)
    await _consume(desk, _commands(sender), command())
    with pytest.raises(RuntimeError, match="a bug of ours"):
        async with sending(sender) as running:
            await asyncio.wait(running)
