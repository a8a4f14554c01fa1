"""The envelope of the next mail in one write with the content of this one, and what each break means then."""

import asyncio
from dataclasses import replace

import pytest

from services.notifier.channels.base import NotOurs, OutcomeUnknown, Refused, TryLater
from services.notifier.channels.pipelining import Mail, Pipelining, StaleSession
from services.notifier.channels.pool import SessionPool
from services.notifier.channels.smtp import Session
from tests.integration.notifier.test_dialogue import (
    CONTENT,
    DROP,
    ENVELOPE,
    HANG,
    OK3,
    PATIENT,
    _mail,
    _open,
    _session,
)
from tests.support.waiting import eventually

KEPT = b"250 2.0.0 kept\r\n"
NEXT = ENVELOPE.replace(b"<b@", b"<c@")


def _second() -> Mail:
    return _mail("c@example.org")


async def test_the_next_envelope_goes_with_the_content() -> None:
    async with _open([OK3], [KEPT + OK3], [KEPT]) as (server, dialogue):
        session, second = _session(dialogue), _second()
        assert await session.deliver(_mail(), lambda: second) == "250 2.0.0 kept"
        assert await session.deliver(second) == "250 2.0.0 kept"
    assert server.heard[:3] == [ENVELOPE, CONTENT + NEXT, CONTENT]


@pytest.mark.parametrize("answer", [b"554 5.7.1 spam\r\n", b"451 4.3.0 later\r\n"])
async def test_a_refused_content_leaves_the_next_mail_alone(answer: bytes) -> None:
    async with _open([OK3], [answer + OK3], [KEPT]) as (_, dialogue):
        session, second = _session(dialogue), _second()
        with pytest.raises((Refused, TryLater)):
            await session.deliver(_mail(), lambda: second)
        assert await session.deliver(second) == "250 2.0.0 kept"


async def test_a_next_recipient_that_is_refused_gets_no_content() -> None:
    refused = b"250 Ok\r\n550 5.1.1 nobody\r\n354 go on\r\n"
    async with _open([OK3], [KEPT + refused], [b"554 5.5.1 none\r\n"]) as (server, dialogue):
        session, second = _session(dialogue), _second()
        await session.deliver(_mail(), lambda: second)
        with pytest.raises(Refused):
            await session.deliver(second)
    assert server.heard[2] == b".\r\n"


async def test_i32_a_break_after_the_content_is_ambiguous_for_that_mail_only() -> None:
    async with _open([OK3], [DROP]) as (_, dialogue):
        session, second = _session(dialogue), _second()
        with pytest.raises(OutcomeUnknown):
            await session.deliver(_mail(), lambda: second)
        with pytest.raises(StaleSession):
            await session.deliver(second)


async def test_a_server_that_leaves_after_a_mail_has_not_heard_of_the_next() -> None:
    async with _open([OK3], [KEPT, DROP]) as (_, dialogue):
        session, second = _session(dialogue), _second()
        await session.deliver(_mail(), lambda: second)
        with pytest.raises(StaleSession):
            await session.deliver(second)


async def test_a_server_that_forgets_what_came_with_the_content_gets_it_apart_from_then_on() -> None:
    pipelining = Pipelining()
    async with _open([OK3], [KEPT, HANG]) as (_, dialogue):
        session, second = _session(dialogue, pipelining, replace(PATIENT, command_seconds=1)), _second()
        await session.deliver(_mail(), lambda: second)
        with pytest.raises(TryLater):
            await session.deliver(second)
    assert not pipelining.ahead


async def test_a_server_that_offers_nothing_gets_nothing_ahead() -> None:
    asked = []
    replies = [[b"250 Ok\r\n"], [b"250 Ok\r\n"], [b"354 go\r\n"], [KEPT]]
    async with _open(*replies) as (_, dialogue):
        session = Session(dialogue, PATIENT, Pipelining(), offered=False)
        await session.deliver(_mail(), lambda: asked.append(1))
    assert asked == []


async def test_the_mail_behind_one_that_breaks_off_goes_over_another_session() -> None:
    async with _open([OK3], [DROP]) as (broken, one), _open([OK3], [KEPT]) as (sound, other):
        sessions = [_session(other), _session(one)]

        async def take() -> Session:
            return sessions.pop()

        async with SessionPool(take, 1) as pool:
            ends = await asyncio.gather(
                pool.deliver(_mail()), pool.deliver(_second()), return_exceptions=True
            )
    assert isinstance(ends[0], OutcomeUnknown)
    assert ends[1] == "250 2.0.0 kept"
    assert broken.heard[1] == CONTENT + NEXT
    assert sound.heard[:2] == [NEXT, CONTENT]


async def test_a_mail_that_is_given_up_after_its_envelope_was_written_is_never_sent_empty() -> None:
    async with _open([OK3], [HANG]) as (server, dialogue):

        async def take() -> Session:
            return _session(dialogue)

        async with SessionPool(take, 1) as pool:
            first = asyncio.create_task(pool.deliver(_mail()))
            second = asyncio.create_task(pool.deliver(_second()))
            await eventually(lambda: server.heard == [ENVELOPE, CONTENT + NEXT])
            second.cancel()
            await asyncio.wait([second])
            assert dialogue.alive, "the other mail is under way on it"
            dialogue.data_received(KEPT + OK3)
            assert await first == "250 2.0.0 kept"
            await eventually(lambda: not dialogue.alive)
    assert server.heard == [ENVELOPE, CONTENT + NEXT]


async def test_a_message_that_another_sender_took_while_it_waited_is_not_sent() -> None:
    async with _open([OK3], [KEPT]) as (server, dialogue):

        async def take() -> Session:
            return _session(dialogue)

        async with SessionPool(take, 1) as pool:
            lost = replace(_second(), ours=lambda: False)
            ends = await asyncio.gather(pool.deliver(_mail()), pool.deliver(lost), return_exceptions=True)
    assert ends[0] == "250 2.0.0 kept"
    assert isinstance(ends[1], NotOurs)
    assert server.heard[:2] == [ENVELOPE, CONTENT]
