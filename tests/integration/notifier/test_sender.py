"""Senders on a real database: every message is sent, none twice without need, and every outcome is told."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.channels.base import OutcomeUnknown, Refused, TryLater, Unavailable
from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.retry import RetryPolicy
from shared.runtime.messaging import Lane
from tests.integration.notifier.desk import KEYS, Desk, command, sending, vanish
from tests.support.apps import PUBLIC_URL
from tests.support.waiting import eventually

MARIA = "maria@example.org"
LATER = TryLater("4.7.1", "The recipient's mail system asked us to try again later (4.7.1).")
LOST = OutcomeUnknown("connection_lost", "The mail server did not say whether it took the mail.")
DOWN = Unavailable("no_connection", "The mail server cannot be reached.")


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


async def _until(desk: Desk, *states: str) -> None:
    async def reached() -> bool:
        return await desk.states() == sorted(states)

    await eventually(reached)


async def test_p6_a_message_is_sent_and_told(desk: Desk, channel: MemoryChannel) -> None:
    data = command()
    await desk.put(data)
    async with sending(desk.sender(channel)):
        await _until(desk, "sent")
    [(kind, fact)] = await desk.facts()
    assert kind == "sent"
    assert fact["message_id"] == str(data.message_id)
    assert (fact["parent_id"], fact["invitation_id"]) == (str(data.parent_id), str(data.invitation_id))
    assert await desk.attempts(data) == ["sent"]
    assert (await desk.message(data)).version == 1


@pytest.mark.parametrize(
    ("template", "purpose"),
    [("verify", "verify"), ("verify_reminder", "verify"), ("invite", "join"), ("invite_reminder", "join")],
)
async def test_the_link_is_derived_and_the_same_for_a_reminder(
    desk: Desk, channel: MemoryChannel, template: str, purpose: str
) -> None:
    data = command(template=template, generation=3)
    await desk.put(data)
    async with sending(desk.sender(channel)):
        await _until(desk, "sent")
    token = KEYS.derive(purpose, data.invitation_id, 3, "k1")  # type: ignore[arg-type]
    assert [each.link for each in channel.taken] == [f"{PUBLIC_URL}/{purpose}/{token}"]
    rows = str(await desk.messages()) + str(await desk.facts())
    assert token not in rows


async def test_c14_a_refusal_is_told_with_its_reason_and_never_repeated(
    desk: Desk, channel: MemoryChannel
) -> None:
    data = command()
    channel.answers[MARIA] = [
        Refused("5.1.1", "There is no mailbox with this address.", detail=f"550 <{MARIA}>")
    ]
    await desk.put(data)
    async with sending(desk.sender(channel)):
        await _until(desk, "failed_permanent")
    [(kind, fact)] = await desk.facts()
    assert (kind, fact["permanent"], fact["code"]) == ("failed", True, "5.1.1")
    assert fact["reason"] == "There is no mailbox with this address."
    assert MARIA not in str(fact)
    assert len(channel.tried) == 1


async def test_a_temporary_failure_is_told_once_and_retried_with_the_same_link(
    desk: Desk, channel: MemoryChannel
) -> None:
    data = command()
    channel.answers[MARIA] = [LATER, LATER]
    await desk.put(data)
    async with sending(desk.sender(channel)):
        await _until(desk, "failed_temporary")
        [(kind, fact)] = await desk.facts()
        assert (kind, fact["permanent"]) == ("failed", False)
        assert datetime.fromisoformat(fact["retry_at"]) > datetime.now(UTC)
        for _ in range(2):
            await desk.run("UPDATE messages SET due_at = now() WHERE state = 'failed_temporary'")
            tried = len(channel.tried)
            await eventually(lambda seen=tried: len(channel.tried) > seen)  # type: ignore[misc]
            await _until(desk, "failed_temporary" if len(channel.tried) < 3 else "sent")
    assert [kind for kind, _ in await desk.facts()] == ["failed", "sent"]
    assert len({each.link for each in channel.tried}) == 1
    assert await desk.attempts(data) == ["try_later", "try_later", "sent"]
    assert (await desk.message(data)).version == 2


async def test_attempts_come_to_an_end(desk: Desk, channel: MemoryChannel) -> None:
    channel.answers[MARIA] = [LATER] * 9
    await desk.put(command())
    async with sending(desk.sender(channel, policy=RetryPolicy(attempt_limit=2))):
        await _until(desk, "failed_temporary")
        await desk.run("UPDATE messages SET due_at = now()")
        await _until(desk, "failed_permanent")
    assert [fact["permanent"] for _, fact in await desk.facts()] == [False, True]


async def test_i32_an_ambiguous_outcome_is_repeated_with_the_same_link_and_ends_as_unknown(
    desk: Desk, channel: MemoryChannel
) -> None:
    data = command()
    channel.lost_answers[MARIA] = [LOST, LOST]
    await desk.put(data)
    async with sending(desk.sender(channel, policy=RetryPolicy(ambiguous_limit=2))):
        await _until(desk, "failed_temporary")
        await desk.run("UPDATE messages SET due_at = now()")
        await _until(desk, "unknown")
    assert [kind for kind, _ in await desk.facts()] == ["failed", "outcome_unknown"]
    assert len({(each.message_id, each.link) for each in channel.taken}) == 1


async def test_p3_a_message_whose_link_is_dead_is_not_sent(desk: Desk, channel: MemoryChannel) -> None:
    await desk.put(command(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    async with sending(desk.sender(channel)):
        await _until(desk, "failed_permanent")
    [(_, fact)] = await desk.facts()
    assert fact["code"] == "expired"
    assert channel.tried == []


async def test_two_senders_racing_send_nothing_twice(desk: Desk, channel: MemoryChannel) -> None:
    await desk.put(*(command(address=f"p{n}@example.org") for n in range(300)), lane=Lane.BULK)
    other = MemoryChannel()
    senders = [desk.sender(each, lane=Lane.BULK, connections=2) for each in (channel, other)]
    async with sending(*senders):
        await _until(desk, *["sent"] * 300)
    copies = Counter(each.address for each in [*channel.taken, *other.taken])
    assert len(copies) == 300
    assert set(copies.values()) == {1}
    assert Counter(kind for kind, _ in await desk.facts()) == {"sent": 300}


async def test_the_first_sender_to_look_does_not_take_everything(desk: Desk, channel: MemoryChannel) -> None:
    await desk.put(*(command() for _ in range(200)), lane=Lane.BULK)
    channel.open_gate.clear()
    sender = desk.sender(channel, lane=Lane.BULK, connections=2)
    async with sending(sender):
        await eventually(lambda: len(channel.tried) == 2)
        assert Counter(await desk.states()) == {"sending": 32, "queued": 168}
        channel.open_gate.set()
        await _until(desk, *["sent"] * 200)


async def test_a_single_message_overtakes_a_bulk_run(desk: Desk, channel: MemoryChannel) -> None:
    await desk.put(*(command(address="bulk@example.org") for _ in range(100)), lane=Lane.BULK)
    hung = MemoryChannel()
    hung.open_gate.clear()
    async with sending(desk.sender(hung, lane=Lane.BULK), desk.sender(channel)):
        await eventually(lambda: hung.tried != [])
        await desk.put(command())
        await eventually(lambda: len(channel.taken) == 1)
        hung.open_gate.set()


async def test_a_vanished_senders_messages_are_taken_over_with_the_same_link(
    desk: Desk, channel: MemoryChannel
) -> None:
    data = command()
    await desk.put(data)
    channel.open_gate.clear()
    first = desk.sender(channel, lease_seconds=2.0)
    await first.round()
    await eventually(lambda: len(channel.tried) == 1)
    await vanish(first)
    channel.open_gate.set()
    async with sending(desk.sender(channel)):
        await _until(desk, "sent")
    assert await desk.attempts(data) == ["interrupted", "sent"]
    assert len({each.link for each in channel.tried}) == 1
    assert (await desk.message(data)).interrupted


async def test_i1_a_kill_between_acceptance_and_record_loses_nothing(
    desk: Desk, channel: MemoryChannel
) -> None:
    commands = [command(address=f"p{n}@example.org") for n in range(20)]
    await desk.put(*commands)
    first = desk.sender(channel, lease_seconds=2.0)
    await first.round()
    await eventually(lambda: len(channel.taken) == 20)
    await vanish(first)
    assert await desk.facts() == []
    async with sending(desk.sender(channel)):
        await _until(desk, *["sent"] * 20)
    copies = Counter((each.message_id, each.link) for each in channel.taken)
    assert set(copies.values()) == {2}
    assert len(copies) == 20
    assert Counter(kind for kind, _ in await desk.facts()) == {"sent": 20}


async def test_a_living_sender_keeps_its_lease_while_a_provider_is_slow(
    desk: Desk, channel: MemoryChannel
) -> None:
    await desk.put(command())
    channel.open_gate.clear()
    other = MemoryChannel()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(sending(desk.sender(channel, lease_seconds=3.0)))
        await eventually(lambda: len(channel.tried) == 1)
        await stack.enter_async_context(sending(desk.sender(other, lease_seconds=3.0)))
        before = next(iter((await desk.messages()).values())).locked_until

        async def renewed_twice() -> bool:
            row = next(iter((await desk.messages()).values()))
            return bool(row.locked_until > before + timedelta(seconds=1.5) and row.fence == 1)

        await eventually(renewed_twice)
        channel.open_gate.set()
        await _until(desk, "sent")
    assert (len(channel.taken), len(other.tried)) == (1, 0)


async def test_an_outcome_of_a_lost_lease_changes_nothing(desk: Desk, channel: MemoryChannel) -> None:
    data = command()
    await desk.put(data)
    slow = desk.sender(channel)
    channel.open_gate.clear()
    await slow.round()
    await eventually(lambda: len(channel.tried) == 1)
    await desk.run("UPDATE messages SET locked_until = now() - interval '1 second'")
    other = MemoryChannel()
    other.answers[MARIA] = [Refused("5.1.1", "There is no mailbox with this address.")]
    async with sending(desk.sender(other)):
        await _until(desk, "failed_permanent")
    channel.open_gate.set()
    await eventually(lambda: len(channel.taken) == 1)
    await eventually(lambda: len(slow.hands.outcomes) == 1)
    await slow.round()
    assert await desk.states() == ["failed_permanent"]
    assert [kind for kind, _ in await desk.facts()] == ["failed"]
    assert await desk.attempts(data) == ["sent", "refused"]


async def test_a_dead_channel_costs_no_attempts_and_recovers(desk: Desk, channel: MemoryChannel) -> None:
    channel.down = DOWN
    await desk.put(*(command(address=f"p{n}@example.org") for n in range(100)), lane=Lane.BULK)
    sender = desk.sender(channel, lane=Lane.BULK, connections=2)
    async with sending(sender):
        await eventually(lambda: sender._attempts.breaker.failures >= 2)
        failed_while_down = len(channel.tried)
        channel.down = None
        await _until(desk, *["sent"] * 100)
    assert failed_while_down <= 10
    assert {row.attempts for row in (await desk.messages()).values()} == {1}
    kinds = Counter(kind for kind, _ in await desk.facts())
    assert kinds["sent"] == 100
    assert kinds["failed"] <= 10
    for kind, fact in await desk.facts():
        assert kind == "sent" or (fact["permanent"] is False and fact["code"] == "no_connection")


async def test_what_expires_while_the_channel_is_down_is_told(desk: Desk, channel: MemoryChannel) -> None:
    channel.down = DOWN
    await desk.put(command())
    sender = desk.sender(channel)
    async with sending(sender):
        await eventually(lambda: sender._attempts.breaker.failures >= 1)
        await desk.put(command(expires_at=datetime.now(UTC)))
        sender._expiry_at = 0.0
        await _until(desk, "failed_permanent", "failed_temporary")


async def test_leaving_lets_attempts_end_and_gives_the_rest_back(desk: Desk, channel: MemoryChannel) -> None:
    await desk.put(*(command() for _ in range(10)))
    channel.open_gate.clear()
    async with sending(desk.sender(channel, connections=2)):
        await eventually(lambda: len(channel.tried) == 2)
        asyncio.get_running_loop().call_later(2.0, channel.open_gate.set)
    assert Counter(await desk.states()) == {"sent": 2, "queued": 8}
    assert {row.attempts for row in (await desk.messages()).values() if row.state == "queued"} == {0}
    async with sending(desk.sender(channel)):
        await _until(desk, *["sent"] * 10)
    assert len(channel.taken) == 10


async def test_one_message_that_we_cannot_write_stops_no_other(desk: Desk, channel: MemoryChannel) -> None:
    bad = command(address="odd@example.org")
    channel.answers["odd@example.org"] = [ValueError("a bug of ours")]  # type: ignore[list-item]
    await desk.put(bad, command())
    async with sending(desk.sender(channel)):
        await _until(desk, "failed_temporary", "sent")
    assert (await desk.message(bad)).code == "internal_error"


async def test_a_missing_key_is_waited_for(desk: Desk, channel: MemoryChannel) -> None:
    await desk.put(command(token_key_id="k9"))
    async with sending(desk.sender(channel)):
        await _until(desk, "failed_temporary")
    assert channel.tried == []
    assert (await desk.facts())[0][1]["code"] == "token_key_unknown"
