"""SMTP session on a server that replies as scripted: the meaning of each reply and of each broken connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from services.notifier.channels.base import (
    LeaseLost,
    OutcomeUnknown,
    Refused,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.channels.email.smtp_session import (
    SmtpMessage,
    SmtpSession,
    StaleSessionError,
    TimeLimits,
    open_session,
)
from services.notifier.settings import SmtpServer

HANG, DROP = b"hang", b"drop"
OK, GO_ON, KEPT = b"250 2.0.0 Ok\r\n", b"354 go on\r\n", b"250 2.0.0 kept\r\n"
ENVELOPE = [b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.org>\r\n", b"DATA\r\n"]
CONTENT = b"Subject: x\r\n\r\nbody\r\n..dot\r\n.\r\n"
ACCEPTED = [OK, OK, GO_ON]
PATIENT = TimeLimits(connect_seconds=60, command_seconds=60, data_seconds=60)
MESSAGE = SmtpMessage("a@example.org", "b@example.org", b"Subject: x\r\n\r\nbody\r\n.dot\r\n")


@dataclass
class ScriptedServer:
    """SMTP server that greets, and then gives the n-th reply to the n-th command or content.

    A reply of HANG keeps the client waiting; one of DROP cuts the connection.
    """

    replies: Sequence[bytes]
    received: list[bytes] = field(default_factory=list)
    port: int = 0
    end: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        await reader.readline()
        writer.write(b"250 test\r\n")
        for reply in self.replies:
            data = await reader.readline()
            if self.received and self.received[-1] == b"DATA\r\n" and data:
                data += await reader.readuntil(b"\r\n.\r\n")
            if not data:
                return
            self.received.append(data)
            if reply == HANG:
                await self.end.wait()
            if reply in (HANG, DROP):
                writer.transport.abort()
                return
            writer.write(reply)
        self.received.append(await reader.readline())
        if self.received[-1] == b"QUIT\r\n":
            writer.write(b"221 bye\r\n")
        await self.end.wait()
        writer.transport.abort()


@asynccontextmanager
async def scripted_server(*replies: bytes) -> AsyncIterator[ScriptedServer]:
    """Run a scripted server while the block is open."""
    server = ScriptedServer(replies)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.end.set()
        listener.close()


async def connect(server: ScriptedServer, limits: TimeLimits = PATIENT) -> SmtpSession:
    """Open a session to a scripted server."""
    return await open_session(
        SmtpServer("127.0.0.1", server.port, "plain"), limits, tls=None, helo_name="kinvite.example"
    )


@asynccontextmanager
async def _session(
    *replies: bytes, limits: TimeLimits = PATIENT
) -> AsyncIterator[tuple[ScriptedServer, SmtpSession]]:
    async with scripted_server(*replies) as server:
        session = await connect(server, limits)
        try:
            yield server, session
        finally:
            session.close()


async def _error(*replies: bytes, limits: TimeLimits = PATIENT) -> SendError:
    async with _session(*replies, limits=limits) as (_, session):
        with pytest.raises(SendError) as caught:
            await session.deliver(MESSAGE)
    return caught.value


async def test_a_message_is_handed_over_with_its_leading_dots_doubled() -> None:
    async with _session(*ACCEPTED, KEPT) as (server, session):
        assert await session.deliver(MESSAGE) == "250 2.0.0 kept"
    assert server.received[:4] == [*ENVELOPE, CONTENT]


async def test_an_answer_of_several_lines_is_read_as_one() -> None:
    async with _session(*ACCEPTED, b"250-2.0.0 kept\r\n250 as 42\r\n") as (_, session):
        assert await session.deliver(MESSAGE) == "250 2.0.0 kept\nas 42"


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ([b"550 5.7.1 not you\r\n"], Unavailable, "5.7.1"),
        ([OK, b"550 5.1.1 nobody\r\n"], Refused, "5.1.1"),
        ([OK, b"450 4.2.0 greylisted\r\n"], TryLater, "4.2.0"),
        ([OK, OK, b"451 4.3.0 no room\r\n"], TryLater, "4.3.0"),
        ([*ACCEPTED, b"554 5.7.1 spam\r\n"], Refused, "policy_5.7.1"),
        ([*ACCEPTED, b"451 4.3.0 later\r\n"], TryLater, "4.3.0"),
        ([b"what?\r\n"], Unavailable, "-1"),
        ([OK, b"what?\r\n"], TryLater, "-1"),
    ],
)
async def test_each_command_keeps_its_own_refusal(
    replies: list[bytes], kind: type[SendError], code: str
) -> None:
    error = await _error(*replies)
    assert (type(error), error.code) == (kind, code)


async def test_a_refused_recipient_gets_no_content_and_the_session_can_be_reset() -> None:
    async with _session(OK, b"550 5.1.1 nobody\r\n", OK) as (server, session):
        with pytest.raises(Refused):
            await session.deliver(MESSAGE)
        assert await session.reset()
    assert server.received[:3] == [*ENVELOPE[:2], b"RSET\r\n"]


async def test_a_session_that_cannot_be_reset_is_not_used_again() -> None:
    async with _session(OK, b"550 5.1.1 nobody\r\n", b"500 what?\r\n") as (_, session):
        with pytest.raises(Refused):
            await session.deliver(MESSAGE)
        assert not await session.reset()


@pytest.mark.parametrize("end", [HANG, DROP])
@pytest.mark.parametrize("replies", [[OK], [OK, OK]])
async def test_a_break_between_the_replies_is_safe_to_repeat(replies: list[bytes], end: bytes) -> None:
    limits = PATIENT if end == DROP else replace(PATIENT, command_seconds=1)
    assert isinstance(await _error(*replies, end, limits=limits), TryLater)


@pytest.mark.parametrize(("end", "code"), [(HANG, "timeout"), (DROP, "connection_lost")])
async def test_i32_a_break_after_the_final_dot_is_ambiguous(end: bytes, code: str) -> None:
    limits = PATIENT if end == DROP else replace(PATIENT, data_seconds=1)
    error = await _error(*ACCEPTED, end, limits=limits)
    assert (type(error), error.code) == (OutcomeUnknown, code)


async def test_i32_an_answer_to_the_content_that_is_none_is_ambiguous() -> None:
    assert isinstance(await _error(*ACCEPTED, b"what?\r\n"), OutcomeUnknown)


@pytest.mark.parametrize(("end", "code"), [(HANG, "timeout"), (DROP, "no_connection")])
async def test_a_break_without_any_reply_blames_the_channel(end: bytes, code: str) -> None:
    limits = PATIENT if end == DROP else replace(PATIENT, command_seconds=1)
    error = await _error(end, limits=limits)
    assert (type(error), error.code) == (Unavailable, code)


@pytest.mark.parametrize("reply", [DROP, b"421 4.4.2 too many\r\n"])
async def test_a_used_session_that_the_server_left_is_stale(reply: bytes) -> None:
    async with _session(*ACCEPTED, KEPT, reply) as (_, session):
        await session.deliver(MESSAGE)
        with pytest.raises(StaleSessionError):
            await session.deliver(MESSAGE)
        assert not session.is_connected


async def test_a_reply_that_nobody_requested_is_not_taken_for_a_later_one() -> None:
    replies = [OK + b"421 4.4.2 idle too long\r\n", b"550 5.1.1 nobody\r\n"]
    async with _session(*replies) as (_, session):
        with pytest.raises(SendError):
            await session.deliver(MESSAGE)
        assert not await session.reset()


async def test_a_reply_without_end_is_cut_off() -> None:
    error = await _error(b"250-x\r\n" * 4_000 + b"2" * 65_536)
    assert (type(error), error.code) == (Unavailable, "-1")


async def test_a_message_whose_lease_is_lost_gets_no_content() -> None:
    async with _session(*ACCEPTED, KEPT) as (server, session):
        with pytest.raises(LeaseLost):
            await session.deliver(replace(MESSAGE, is_held=lambda: False))
        assert not session.is_connected
    assert server.received[:3] == ENVELOPE
    assert CONTENT not in server.received
