"""Senders on a real database: every message is sent, none twice without need, and every outcome is announced."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.channels.base import OutcomeUnknown, Refused, TryLater, Unavailable
from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.retry import RetryPolicy
from services.notifier.sending.sender import EXPIRY_POLL_SECONDS
from shared.runtime.messaging import Lane
from tests.integration.notifier.builders import KEYS, command
from tests.integration.notifier.driver import NotifierDriver, ShiftedClock, kill, sending
from tests.support.apps import PUBLIC_URL
from tests.support.waiting import eventually

MARIA = "maria@example.org"
LATER = TryLater("4.7.1", "The recipient's mail system asked us to try again later (4.7.1).")
LOST = OutcomeUnknown("connection_lost", "The mail server did not say whether it took the mail.")
DOWN = Unavailable("no_connection", "The mail server cannot be reached.")


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


async def _until(driver: NotifierDriver, *states: str) -> None:
    async def reached() -> bool:
        return await driver.states() == sorted(states)

    await eventually(reached)


async def test_p6_a_message_is_sent_and_announced(driver: NotifierDriver, channel: MemoryChannel) -> None:
    data = command()
    await driver.put(data)
    async with sending(driver.sender(channel)):
        await _until(driver, "sent")
    [(kind, event)] = await driver.events()
    assert kind == "sent"
    assert event["message_id"] == str(data.message_id)
    assert (event["parent_id"], event["invitation_id"]) == (str(data.parent_id), str(data.invitation_id))
    assert await driver.attempts(data) == ["sent"]
    assert (await driver.message(data)).version == 1


@pytest.mark.parametrize(
    ("template", "purpose"),
    [("verify", "verify"), ("verify_reminder", "verify"), ("invite", "join"), ("invite_reminder", "join")],
)
async def test_the_link_is_derived_and_the_same_for_a_reminder(
    driver: NotifierDriver, channel: MemoryChannel, template: str, purpose: str
) -> None:
    data = command(template=template, generation=3)
    await driver.put(data)
    async with sending(driver.sender(channel)):
        await _until(driver, "sent")
    token = KEYS.derive(purpose, data.invitation_id, 3, "k1")  # type: ignore[arg-type]
    assert [message.link for message in channel.accepted] == [f"{PUBLIC_URL}/{purpose}/{token}"]
    rows = str(await driver.messages()) + str(await driver.events())
    assert token not in rows


async def test_c14_a_refusal_is_announced_with_its_reason_and_never_repeated(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    data = command()
    channel.errors[MARIA] = [
        Refused("5.1.1", "There is no mailbox with this address.", detail=f"550 <{MARIA}>")
    ]
    await driver.put(data)
    async with sending(driver.sender(channel)):
        await _until(driver, "failed_permanent")
    [(kind, event)] = await driver.events()
    assert (kind, event["permanent"], event["code"]) == ("failed", True, "5.1.1")
    assert event["reason"] == "There is no mailbox with this address."
    assert MARIA not in str(event)
    assert len(channel.tried) == 1


async def test_a_temporary_failure_is_announced_once_and_retried_with_the_same_link(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    data = command()
    channel.errors[MARIA] = [LATER, LATER]
    await driver.put(data)
    async with sending(driver.sender(channel)):
        await _until(driver, "failed_temporary")
        [(kind, event)] = await driver.events()
        assert (kind, event["permanent"]) == ("failed", False)
        assert datetime.fromisoformat(event["retry_at"]) > datetime.now(UTC)
        for _ in range(2):
            await driver.run("UPDATE messages SET due_at = now() WHERE state = 'failed_temporary'")
            tried = len(channel.tried)
            await eventually(lambda seen=tried: len(channel.tried) > seen)  # type: ignore[misc]
            await _until(driver, "failed_temporary" if len(channel.tried) < 3 else "sent")
    assert [kind for kind, _ in await driver.events()] == ["failed", "sent"]
    assert len({message.link for message in channel.tried}) == 1
    assert await driver.attempts(data) == ["try_later", "try_later", "sent"]
    assert (await driver.message(data)).version == 2


async def test_attempts_come_to_an_end(driver: NotifierDriver, channel: MemoryChannel) -> None:
    channel.errors[MARIA] = [LATER] * 9
    await driver.put(command())
    async with sending(driver.sender(channel, policy=RetryPolicy(attempt_limit=2))):
        await _until(driver, "failed_temporary")
        await driver.run("UPDATE messages SET due_at = now()")
        await _until(driver, "failed_permanent")
    assert [event["permanent"] for _, event in await driver.events()] == [False, True]


async def test_i32_an_ambiguous_outcome_is_repeated_with_the_same_link_and_ends_as_unknown(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    data = command()
    channel.errors_after_acceptance[MARIA] = [LOST, LOST]
    await driver.put(data)
    async with sending(driver.sender(channel, policy=RetryPolicy(ambiguous_limit=2))):
        await _until(driver, "failed_temporary")
        await driver.run("UPDATE messages SET due_at = now()")
        await _until(driver, "unknown")
    assert [kind for kind, _ in await driver.events()] == ["failed", "outcome_unknown"]
    assert len({(message.message_id, message.link) for message in channel.accepted}) == 1


async def test_a_message_whose_link_has_expired_is_not_sent(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    await driver.put(command(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    async with sending(driver.sender(channel)):
        await _until(driver, "failed_permanent")
    [(_, event)] = await driver.events()
    assert event["code"] == "expired"
    assert channel.tried == []


async def test_two_senders_racing_send_nothing_twice(driver: NotifierDriver, channel: MemoryChannel) -> None:
    await driver.put(*(command(address=f"p{n}@example.org") for n in range(300)), lane=Lane.BULK)
    other = MemoryChannel()
    senders = [driver.sender(memory, lane=Lane.BULK, connections=2) for memory in (channel, other)]
    async with sending(*senders):
        await _until(driver, *["sent"] * 300)
    copies = Counter(message.address for message in [*channel.accepted, *other.accepted])
    assert len(copies) == 300
    assert set(copies.values()) == {1}
    assert Counter(kind for kind, _ in await driver.events()) == {"sent": 300}


async def test_the_first_sender_to_poll_does_not_take_everything(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    await driver.put(*(command() for _ in range(200)), lane=Lane.BULK)
    channel.gate.clear()
    sender = driver.sender(channel, lane=Lane.BULK, connections=2)
    async with sending(sender):
        await eventually(lambda: len(channel.tried) == 2)
        assert Counter(await driver.states()) == {"sending": 32, "queued": 168}
        channel.gate.set()
        await _until(driver, *["sent"] * 200)


async def test_a_single_message_overtakes_a_bulk_run(driver: NotifierDriver, channel: MemoryChannel) -> None:
    await driver.put(*(command(address="bulk@example.org") for _ in range(100)), lane=Lane.BULK)
    hung = MemoryChannel()
    hung.gate.clear()
    async with sending(driver.sender(hung, lane=Lane.BULK), driver.sender(channel)):
        await eventually(lambda: hung.tried != [])
        await driver.put(command())
        await eventually(lambda: len(channel.accepted) == 1)
        hung.gate.set()


async def test_a_vanished_senders_messages_are_taken_over_with_the_same_link(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    data = command()
    await driver.put(data)
    channel.gate.clear()
    first = driver.sender(channel, lease_seconds=2.0)
    await first.round()
    await eventually(lambda: len(channel.tried) == 1)
    await kill(first)
    channel.gate.set()
    async with sending(driver.sender(channel)):
        await _until(driver, "sent")
    assert await driver.attempts(data) == ["interrupted", "sent"]
    assert len({message.link for message in channel.tried}) == 1
    assert (await driver.message(data)).interrupted


async def test_i1_a_kill_between_acceptance_and_record_loses_nothing(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    commands = [command(address=f"p{n}@example.org") for n in range(20)]
    await driver.put(*commands)
    first = driver.sender(channel, lease_seconds=2.0)
    await first.round()
    await eventually(lambda: len(channel.accepted) == 20)
    await kill(first)
    assert await driver.events() == []
    async with sending(driver.sender(channel)):
        await _until(driver, *["sent"] * 20)
    copies = Counter((message.message_id, message.link) for message in channel.accepted)
    assert set(copies.values()) == {2}
    assert len(copies) == 20
    assert Counter(kind for kind, _ in await driver.events()) == {"sent": 20}


async def test_a_living_sender_keeps_its_lease_while_a_provider_is_slow(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    await driver.put(command())
    channel.gate.clear()
    other = MemoryChannel()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(sending(driver.sender(channel, lease_seconds=3.0)))
        await eventually(lambda: len(channel.tried) == 1)
        await stack.enter_async_context(sending(driver.sender(other, lease_seconds=3.0)))
        before = next(iter((await driver.messages()).values())).locked_until

        async def renewed_twice() -> bool:
            row = next(iter((await driver.messages()).values()))
            return bool(row.locked_until > before + timedelta(seconds=1.5) and row.fence == 1)

        await eventually(renewed_twice)
        channel.gate.set()
        await _until(driver, "sent")
    assert (len(channel.accepted), len(other.tried)) == (1, 0)


async def test_an_outcome_of_a_lost_lease_changes_nothing(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    data = command()
    await driver.put(data)
    slow = driver.sender(channel)
    channel.gate.clear()
    await slow.round()
    await eventually(lambda: len(channel.tried) == 1)
    await driver.run("UPDATE messages SET locked_until = now() - interval '1 second'")
    other = MemoryChannel()
    other.errors[MARIA] = [Refused("5.1.1", "There is no mailbox with this address.")]
    async with sending(driver.sender(other)):
        await _until(driver, "failed_permanent")
    channel.gate.set()
    await eventually(lambda: len(channel.accepted) == 1)
    await eventually(lambda: len(slow.outcomes) == 1)
    await slow.round()
    assert await driver.states() == ["failed_permanent"]
    assert [kind for kind, _ in await driver.events()] == ["failed"]
    assert await driver.attempts(data) == ["sent", "refused"]


async def test_a_dead_channel_costs_no_attempts_and_recovers(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    channel.down = DOWN
    await driver.put(*(command(address=f"p{n}@example.org") for n in range(100)), lane=Lane.BULK)
    sender = driver.sender(channel, lane=Lane.BULK, connections=2)
    async with sending(sender):
        await eventually(lambda: sender.attempts.breaker.failures >= 2)
        failed_while_down = len(channel.tried)
        channel.down = None
        await _until(driver, *["sent"] * 100)
    assert failed_while_down <= 10
    assert {row.attempts for row in (await driver.messages()).values()} == {1}
    kinds = Counter(kind for kind, _ in await driver.events())
    assert kinds["sent"] == 100
    assert kinds["failed"] <= 10
    for kind, event in await driver.events():
        assert kind == "sent" or (event["permanent"] is False and event["code"] == "no_connection")


async def test_what_expires_while_the_channel_is_down_is_announced(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    channel.down = DOWN
    await driver.put(command())
    clock = ShiftedClock()
    sender = driver.sender(channel, clock=clock)
    async with sending(sender):
        await eventually(lambda: sender.attempts.breaker.failures >= 1)
        sender.attempts.breaker = replace(sender.attempts.breaker, retry_at=float("inf"))
        await driver.put(command(expires_at=datetime.now(UTC)))
        clock.offset_seconds = EXPIRY_POLL_SECONDS
        await _until(driver, "failed_permanent", "failed_temporary")


async def test_leaving_lets_attempts_end_and_gives_the_rest_back(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    await driver.put(*(command() for _ in range(10)))
    channel.gate.clear()
    async with sending(driver.sender(channel, connections=2)):
        await eventually(lambda: len(channel.tried) == 2)
        asyncio.get_running_loop().call_later(2.0, channel.gate.set)
    assert Counter(await driver.states()) == {"sent": 2, "queued": 8}
    assert {row.attempts for row in (await driver.messages()).values() if row.state == "queued"} == {0}
    async with sending(driver.sender(channel)):
        await _until(driver, *["sent"] * 10)
    assert len(channel.accepted) == 10


async def test_one_message_that_we_cannot_write_stops_no_other(
    driver: NotifierDriver, channel: MemoryChannel
) -> None:
    bad = command(address="odd@example.org")
    channel.errors["odd@example.org"] = [ValueError("a bug of ours")]  # type: ignore[list-item]
    await driver.put(bad, command())
    async with sending(driver.sender(channel)):
        await _until(driver, "failed_temporary", "sent")
    assert (await driver.message(bad)).code == "internal_error"


async def test_a_missing_key_is_waited_for(driver: NotifierDriver, channel: MemoryChannel) -> None:
    await driver.put(command(token_key_id="k9"))
    async with sending(driver.sender(channel)):
        await _until(driver, "failed_temporary")
    assert channel.tried == []
    assert (await driver.events())[0][1]["code"] == "token_key_unknown"
