"""Commands and replies on an open SMTP connection: several commands at once where the server offers it (RFC 2920).

aiosmtplib opens, protects, greets and signs in; then its connection is taken over here, since it waits for each reply
before it writes the next command. Nothing here knows what a command or a reply means.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

LONGEST_REPLY = 32_768
NO_CODE = -1
"""What comes in place of a code that is none."""


class Reply(NamedTuple):
    """One reply of the server; `text` is all of its lines."""

    code: int
    text: str


class BrokenOff(Exception):
    """The dialogue is over. `replies` are those that came before; `timed_out`: it was we who hung up."""

    def __init__(self, why: str, replies: list[Reply], *, timed_out: bool = False) -> None:
        super().__init__(why)
        self.replies = replies
        self.timed_out = timed_out


class Dialogue(asyncio.Protocol):
    """Takes the connection over. One task uses it at a time.

    One timer watches all time limits: it is set anew when it fires, not for every command.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._rest = b""
        self._lines: list[bytes] = []
        self._replies: list[Reply] = []
        self._due = 0
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended: str | None = None
        self._timed_out = False
        self._expires_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._ended is None and not self._transport.is_closing()

    def say(self, data: bytes, replies: int) -> None:
        """Write what so many replies will come to. Raises BrokenOff."""
        if not self.alive:
            raise BrokenOff(self._ended or "closed", [])
        self._due += replies
        self._transport.write(data)

    async def hear(self, replies: int, seconds: float) -> list[Reply]:
        """Wait up to `seconds` for the next so many replies. Raises BrokenOff."""
        if len(self._replies) < replies and self._ended is None:
            self._wanted = replies
            self._waiter = self._loop.create_future()
            self._limit(seconds)
            try:
                await self._waiter
            finally:
                self._waiter = None
        found, self._replies = self._replies[:replies], self._replies[replies:]
        self._due -= replies
        if len(found) < replies:
            raise BrokenOff(self._ended or "closed", found, timed_out=self._timed_out)
        return found

    async def ask(self, data: bytes, replies: int, seconds: float) -> list[Reply]:
        """Write, and wait up to `seconds` for so many replies. Raises BrokenOff."""
        self.say(data, replies)
        return await self.hear(replies, seconds)

    def hang_up(self) -> None:
        """End the connection at once."""
        self._end("hung up")

    def data_received(self, data: bytes) -> None:
        """Read replies; one that nobody has asked for ends the connection, as no later one could be told from it."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._lines.append(line)
            if line[3:4] != b"-":
                self._replies.append(_reply(self._lines))
                self._lines = []
        if len(self._replies) > self._due:
            self._end("The server speaks out of turn.")
        elif sum(map(len, self._lines)) + len(self._rest) > LONGEST_REPLY:
            self._end("The reply is too long.")
        elif self._waiter is not None and len(self._replies) >= self._wanted:
            self._settle()

    def eof_received(self) -> None:
        """The server hung up."""
        self._end("Unexpected EOF received")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._end(str(exc or "Connection lost"))

    def _limit(self, seconds: float) -> None:
        self._expires_at = self._loop.time() + seconds
        if self._watch is not None and self._watch.when() > self._expires_at:
            self._watch.cancel()
            self._watch = None
        if self._watch is None:
            self._watch = self._loop.call_at(self._expires_at, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._waiter is None:
            return
        if self._loop.time() < self._expires_at:
            self._watch = self._loop.call_at(self._expires_at, self._look)
            return
        self._timed_out = True
        self._end("Timed out waiting for server response")

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = why
            self._transport.abort()
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None
        self._settle()

    def _settle(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _reply(lines: list[bytes]) -> Reply:
    digits = lines[-1][:3]
    if len(digits) < 3 or not digits.isdigit():
        return Reply(NO_CODE, b"\n".join(lines).decode("utf-8", "surrogateescape"))
    text = lines[0][4:].strip() if len(lines) == 1 else b"\n".join([line[4:].strip() for line in lines])
    return Reply(int(digits), text.decode("utf-8", "surrogateescape"))
