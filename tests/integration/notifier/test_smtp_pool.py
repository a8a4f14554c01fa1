"""Pool of SMTP sessions: which session a message takes, and what happens when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from services.notifier.channels.base import LeaseLost, OutcomeUnknown, Refused, TryLater, Unavailable
from services.notifier.channels.email import smtp_pool
from services.notifier.channels.email.smtp_pool import SmtpPool
from services.notifier.channels.email.smtp_session import SmtpSession
from tests.integration.notifier.test_smtp_session import (
    ACCEPTED,
    CONTENT,
    DROP,
    ENVELOPE,
    HANG,
    KEPT,
    MESSAGE,
    OK,
    ScriptedServer,
    connect,
    scripted_server,
)
from tests.support.pace import pause_for
from tests.support.waiting import eventually

OTHER = replace(MESSAGE, recipient="c@example.org")
DOWN = Unavailable("no_connection", "The mail server cannot be reached.")


@asynccontextmanager
async def _pool(*servers: ScriptedServer, size: int = 1) -> AsyncIterator[SmtpPool]:
    """Yield a pool whose n-th session is to the n-th server; further sessions are refused."""
    remaining = list(servers)

    async def open_next() -> SmtpSession:
        if not remaining:
            raise DOWN
        return await connect(remaining.pop(0))

    pool = SmtpPool(open_next, size)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.mark.parametrize("answer", [b"554 5.7.1 spam\r\n", b"451 4.3.0 later\r\n"])
async def test_a_refused_content_leaves_the_next_message_alone(answer: bytes) -> None:
    async with (
        scripted_server(*ACCEPTED, answer, OK, *ACCEPTED, KEPT) as server,
        _pool(server) as pool,
    ):
        with pytest.raises((Refused, TryLater)):
            await pool.deliver(MESSAGE)
        assert await pool.deliver(OTHER) == "250 2.0.0 kept"


async def test_i32_the_message_behind_one_that_breaks_off_goes_over_another_session() -> None:
    async with (
        scripted_server(*ACCEPTED, DROP) as broken,
        scripted_server(*ACCEPTED, KEPT) as sound,
        _pool(broken, sound) as pool,
    ):
        ends = await asyncio.gather(pool.deliver(MESSAGE), pool.deliver(OTHER), return_exceptions=True)
    assert isinstance(ends[0], OutcomeUnknown)
    assert ends[1] == "250 2.0.0 kept"
    assert sound.received[3] == CONTENT


async def test_a_session_that_the_server_left_is_replaced_before_a_message_is_lost_on_it() -> None:
    async with (
        scripted_server(*ACCEPTED, KEPT, DROP) as closed,
        scripted_server(*ACCEPTED, KEPT) as fresh,
        _pool(closed, fresh) as pool,
    ):
        assert await pool.deliver(MESSAGE) == "250 2.0.0 kept"
        assert await pool.deliver(OTHER) == "250 2.0.0 kept"
    assert fresh.received[1] == b"RCPT TO:<c@example.org>\r\n"


async def test_a_message_that_another_sender_took_while_it_waited_is_not_sent() -> None:
    async with scripted_server(*ACCEPTED, KEPT) as server, _pool(server) as pool:
        lost = replace(OTHER, is_held=lambda: False)
        ends = await asyncio.gather(pool.deliver(MESSAGE), pool.deliver(lost), return_exceptions=True)
    assert ends[0] == "250 2.0.0 kept"
    assert isinstance(ends[1], LeaseLost)
    assert server.received[:4] == [*ENVELOPE, CONTENT]


async def test_a_delivery_that_is_cancelled_takes_its_session_along_and_leaves_its_slot() -> None:
    async with (
        scripted_server(*ACCEPTED, HANG) as hung,
        scripted_server(*ACCEPTED, KEPT) as fresh,
        _pool(hung, fresh) as pool,
    ):
        first = asyncio.create_task(pool.deliver(MESSAGE))
        await eventually(lambda: hung.received[3:] == [CONTENT])
        second, third = asyncio.create_task(pool.deliver(MESSAGE)), asyncio.create_task(pool.deliver(OTHER))
        await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        assert await third == "250 2.0.0 kept"
        assert all(isinstance(end, asyncio.CancelledError) for end in await _ends(first, second))


async def _ends(*tasks: asyncio.Task[str]) -> list[str | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_slot_that_is_passed_to_a_cancelled_delivery_is_passed_on() -> None:
    async with scripted_server(*ACCEPTED, KEPT, *ACCEPTED, KEPT) as server, _pool(server) as pool:
        second: asyncio.Task[str] | None = None

        async def deliver_and_cancel_the_next() -> None:
            await pool.deliver(MESSAGE)
            assert second is not None
            second.cancel()

        first = asyncio.create_task(deliver_and_cancel_the_next())
        second = asyncio.create_task(pool.deliver(MESSAGE))
        await asyncio.wait([first, second])
        assert second.cancelled()
        assert await pool.deliver(OTHER) == "250 2.0.0 kept"


async def test_without_any_session_all_that_wait_fail_at_once() -> None:
    async with _pool(size=1) as pool:
        ends = await _ends(*(asyncio.create_task(pool.deliver(MESSAGE)) for _ in range(5)))
        assert [type(end) for end in ends] == [Unavailable] * 5


async def test_sessions_that_the_server_refuses_rest_and_are_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_pool, "REST_SECONDS", 0.05)
    async with scripted_server(*ACCEPTED, HANG) as hung, scripted_server(*ACCEPTED, KEPT) as second:
        allowed = [hung]

        async def open_next() -> SmtpSession:
            if not allowed:
                raise DOWN
            return await connect(allowed.pop(0))

        pool = SmtpPool(open_next, 2)
        first = asyncio.create_task(pool.deliver(MESSAGE))
        await eventually(lambda: hung.received[3:] == [CONTENT])
        waiting = asyncio.create_task(pool.deliver(OTHER))
        await pause_for(0.02)
        assert not waiting.done()
        allowed.append(second)
        assert await waiting == "250 2.0.0 kept"
        first.cancel()
        await asyncio.wait([first])
        await pool.close()


async def test_an_idle_session_is_quit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.15)
    async with scripted_server(*ACCEPTED, KEPT, b"221 bye\r\n") as server, _pool(server) as pool:
        await pool.deliver(MESSAGE)
        await eventually(lambda: b"QUIT\r\n" in server.received)
