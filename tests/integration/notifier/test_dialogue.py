"""A server that answers byte by byte as told: what is written at once, and what each break means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from services.notifier.channels.base import OutcomeUnknown, Refused, SendError, TryLater, Unavailable
from services.notifier.channels.dialogue import LONGEST_REPLY, BrokenOff, Dialogue, Reply
from services.notifier.channels.pipelining import Mail, Pipelining, StaleSession
from services.notifier.channels.smtp import Session, TimeLimits
from tests.support.waiting import eventually

ENVELOPE = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
CONTENT = b"Subject: x\r\n\r\nbody\r\n..dot\r\n.\r\n"
OK3 = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n"
PATIENT = TimeLimits(connect_seconds=60, command_seconds=60, data_seconds=60)
HANG, DROP = b"hang", b"drop"


@dataclass
class Server:
    """Answers the n-th write of the client with the n-th answer, in the pieces given."""

    answers: list[list[bytes]]
    heard: list[bytes] = field(default_factory=list)
    port: int = 0
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for pieces in self.answers:
            heard = await reader.read(65_536)
            if not heard:
                return
            self.heard.append(heard)
            for piece in pieces:
                if piece == HANG:
                    await self._done.wait()
                if piece in (HANG, DROP):
                    writer.transport.abort()
                    return
                writer.write(piece)
                await writer.drain()
        self.heard.append(await reader.read(65_536))
        await self._done.wait()
        writer.transport.abort()


@asynccontextmanager
async def _open(*answers: list[bytes]) -> AsyncIterator[tuple[Server, Dialogue]]:
    server = Server(list(answers))
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", server.port)
    dialogue = Dialogue(transport)
    try:
        yield server, dialogue
    finally:
        dialogue.hang_up()
        server._done.set()
        listener.close()


def _session(
    dialogue: Dialogue, pipelining: Pipelining | None = None, limits: TimeLimits = PATIENT
) -> Session:
    return Session(dialogue, limits, pipelining or Pipelining(), offered=True)


async def _deliver(session: Session) -> str:
    return await session.deliver(_mail())


def _mail(recipient: str = "b@example.org") -> Mail:
    return Mail("a@example.org", recipient, b"Subject: x\r\n\r\nbody\r\n.dot\r\n")


async def _error(*answers: list[bytes], limits: TimeLimits = PATIENT) -> SendError:
    async with _open(*answers) as (_, dialogue):
        with pytest.raises(SendError) as caught:
            await _deliver(_session(dialogue, limits=limits))
    return caught.value


async def test_the_envelope_is_one_write_and_the_content_another() -> None:
    async with _open([OK3], [b"250 2.0.0 kept\r\n"]) as (server, dialogue):
        assert await _deliver(_session(dialogue)) == "250 2.0.0 kept"
    assert server.heard[:2] == [ENVELOPE, CONTENT]


async def test_replies_are_read_however_they_are_cut() -> None:
    answer = b"250-2.1.0 one\r\n250 two\r\n250 2.1.5 Ok\n354 go on\r\n"
    async with _open([]) as (server, dialogue):
        asked = asyncio.create_task(dialogue.ask(b"x", 3, 60.0))
        await eventually(lambda: server.heard == [b"x"])
        for byte in answer:
            dialogue.data_received(bytes([byte]))
        assert await asked == [Reply(250, "2.1.0 one\ntwo"), Reply(250, "2.1.5 Ok"), Reply(354, "go on")]


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (b"550 5.7.1 not you\r\n503 5.5.1 need MAIL\r\n503 5.5.1 need RCPT\r\n", Unavailable, "5.7.1"),
        (b"250 Ok\r\n550 5.1.1 nobody\r\n554 5.5.1 no valid recipients\r\n", Refused, "5.1.1"),
        (b"250 Ok\r\n450 4.2.0 greylisted\r\n554 5.5.1 no valid recipients\r\n", TryLater, "4.2.0"),
        (b"250 Ok\r\n250 Ok\r\n451 4.3.0 no room\r\n", TryLater, "4.3.0"),
        (b"what?\r\n250 Ok\r\n354 go\r\n", Unavailable, "-1"),
    ],
)
async def test_each_command_keeps_its_own_refusal(answer: bytes, kind: type[SendError], code: str) -> None:
    error = await _error([answer], [b"554 5.5.1 no valid recipients\r\n"])
    assert (type(error), error.code) == (kind, code)


async def test_a_server_that_asks_for_content_without_a_recipient_gets_none() -> None:
    answers = [
        [b"250 Ok\r\n550 5.1.1 nobody\r\n354 go on\r\n"],
        [b"554 5.5.1 no recipients\r\n"],
        [b"250 Ok\r\n"],
    ]
    async with _open(*answers) as (server, dialogue):
        session = _session(dialogue)
        with pytest.raises(Refused):
            await _deliver(session)
        assert await session.reset()
    assert server.heard[:3] == [ENVELOPE, b".\r\n", b"RSET\r\n"]


@pytest.mark.parametrize("end", [HANG, DROP])
@pytest.mark.parametrize("said", [b"250 Ok\r\n", b"250 Ok\r\n250 Ok\r\n"])
async def test_a_break_between_the_replies_is_safe_to_repeat(said: bytes, end: bytes) -> None:
    limits = PATIENT if end == DROP else replace(PATIENT, command_seconds=1)
    assert isinstance(await _error([said, end], limits=limits), TryLater)


@pytest.mark.parametrize("end", [HANG, DROP])
async def test_i32_a_break_after_the_final_dot_is_ambiguous(end: bytes) -> None:
    limits = PATIENT if end == DROP else replace(PATIENT, data_seconds=1)
    assert isinstance(await _error([OK3], [end], limits=limits), OutcomeUnknown)


@pytest.mark.parametrize("end", [HANG, DROP])
async def test_a_break_without_a_reply_is_looked_into_command_by_command(end: bytes) -> None:
    pipelining = Pipelining()
    limits = PATIENT if end == DROP else replace(PATIENT, command_seconds=1)
    async with _open([end]) as (_, dialogue):
        with pytest.raises(TryLater):
            await _deliver(_session(dialogue, pipelining, limits))
    assert not pipelining.trusted
    async with _open([b"250 Ok\r\n"], [DROP]) as (server, dialogue):
        with pytest.raises(TryLater):
            await _deliver(_session(dialogue, pipelining))
    assert server.heard[0] == b"MAIL FROM:<a@example.org>\r\n"
    async with _open([end]) as (_, dialogue):
        with pytest.raises(Unavailable):
            await _deliver(_session(dialogue, pipelining, limits))


async def test_a_used_session_that_the_server_left_is_stale() -> None:
    async with _open([OK3], [b"250 kept\r\n"], [DROP]) as (_, dialogue):
        session = _session(dialogue)
        await _deliver(session)
        with pytest.raises(StaleSession):
            await _deliver(session)
        assert not session.alive


async def test_a_server_that_speaks_unasked_is_left() -> None:
    async with _open([b"250 Ok\r\n421 4.4.2 idle too long\r\n"]) as (_, dialogue):
        with pytest.raises(BrokenOff):
            await dialogue.ask(b"x", 1, 60.0)
            await dialogue.ask(b"x", 1, 60.0)
        assert not dialogue.alive


async def test_a_reply_without_end_is_cut_off() -> None:
    async with _open([b"250-x\r\n" * 4_000 + b"2" * LONGEST_REPLY]) as (_, dialogue):
        with pytest.raises(BrokenOff, match="too long"):
            await dialogue.ask(b"x", 1, 60.0)


async def test_each_question_has_its_own_time_limit() -> None:
    async with _open([b"250 Ok\r\n"], [HANG]) as (_, dialogue):
        await dialogue.ask(b"x", 1, 600.0)
        with pytest.raises(BrokenOff) as caught:
            await dialogue.ask(b"x", 1, 0.2)
    assert caught.value.timed_out
