"""One open SMTP session: handing over one mail, with a time limit for every phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.notifier.channels.base import NotOurs, OutcomeUnknown
from services.notifier.channels.dialogue import BrokenOff, Dialogue, Reply
from services.notifier.channels.pipelining import (
    STAGES,
    START_INPUT,
    Mail,
    Pipelining,
    StaleSession,
    gone,
    interrupted,
    is_negative,
)
from services.notifier.channels.replies import Stage, error_for

_CLOSING = 421
_DOT = b".\r\n"


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds that the server may take: to accept a connection and greet, to answer a command, to take the mail over.

    After the final dot a server may already have the mail, so that one is the most generous (RFC 5321, 4.5.3.2.6).
    """

    connect_seconds: float = 10.0
    command_seconds: float = 30.0
    data_seconds: float = 60.0


def nobody() -> None:
    """No mail follows."""


class Session:
    """An open session. One task uses it at a time."""

    def __init__(
        self, dialogue: Dialogue, limits: TimeLimits, pipelining: Pipelining, *, offered: bool
    ) -> None:
        """`offered`: the server takes several commands at once."""
        self._dialogue = dialogue
        self._limits = limits
        self._pipelining = pipelining
        self._offered = offered
        self._used = False
        self._ahead: Mail | None = None

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._dialogue.alive

    async def deliver(self, mail: Mail, following: Callable[[], Mail | None] = nobody) -> str:
        """Hand one mail over and answer the server's words.

        `following` is asked for the mail after this one when the content is written: its envelope goes in the same
        write, as RFC 2920 (3.1) allows, and it must be the next to be delivered here. Raises the errors of
        `channels.base`; and StaleSession.
        """
        await self._envelope(mail)
        if not mail.ours():
            self.abort()
            raise NotOurs
        content = mail.content.replace(b"\r\n.", b"\r\n..") + _DOT
        try:
            self._write(content, following)
            [answer] = await self._dialogue.hear(1, self._limits.data_seconds)
        except BrokenOff as error:
            code = "timeout" if error.timed_out else "connection_lost"
            reason = "The mail server did not say whether it took the mail."
            raise OutcomeUnknown(code, reason, detail=str(error)) from None
        if not 200 <= answer.code <= 299:
            raise error_for(Stage.DATA, answer.code, answer.text)
        return f"{answer.code} {answer.text}"

    def _write(self, content: bytes, following: Callable[[], Mail | None]) -> None:
        self._ahead = following() if self._offered and self._pipelining.ahead else None
        if self._ahead is None:
            self._dialogue.say(content, 1)
        else:
            self._dialogue.say(b"".join((content, *self._ahead.commands)), 1 + len(STAGES))

    async def _envelope(self, mail: Mail) -> None:
        reused, self._used = self._used, True
        written, self._ahead = self._ahead is mail, None
        at_once = written or (self._offered and self._pipelining.trusted)
        try:
            replies = await self._ask(mail, written=written, at_once=at_once)
        except BrokenOff as error:
            if written and error.timed_out and not error.replies:
                self._pipelining.keep_apart()
            raise self._broken_off(error, reused=reused, at_once=at_once) from None
        for stage, reply in zip(STAGES, replies, strict=False):
            if is_negative(stage, reply):
                if reused and stage is Stage.SENDER and reply.code == _CLOSING:
                    raise StaleSession
                await self._decline(replies)
                raise error_for(stage, reply.code, reply.text)

    async def _ask(self, mail: Mail, *, written: bool, at_once: bool) -> list[Reply]:
        """Replies to the three commands, up to the first negative one where they are not written at once."""
        seconds = self._limits.command_seconds
        if written:
            return await self._dialogue.hear(len(STAGES), seconds)
        if at_once:
            return await self._dialogue.ask(b"".join(mail.commands), len(STAGES), seconds)
        replies: list[Reply] = []
        for stage, command in zip(STAGES, mail.commands, strict=True):
            try:
                replies += await self._dialogue.ask(command, 1, seconds)
            except BrokenOff as error:
                raise BrokenOff(str(error), replies, timed_out=error.timed_out) from None
            if is_negative(stage, replies[-1]):
                break
        return replies

    async def _decline(self, replies: list[Reply]) -> None:
        """A server may ask for content though it has taken no recipient: it gets none (RFC 2920, 3.1)."""
        if len(replies) == len(STAGES) and replies[-1].code == START_INPUT:
            try:
                await self._dialogue.ask(_DOT, 1, self._limits.command_seconds)
            except BrokenOff:
                self.abort()

    def _broken_off(self, error: BrokenOff, *, reused: bool, at_once: bool) -> Exception:
        if error.replies:
            return interrupted(error)
        if reused and not error.timed_out:
            return StaleSession()
        if at_once:
            self._pipelining.doubt()
            return interrupted(error)
        return gone(error)

    async def reset(self) -> bool:
        """Forget a refused mail, so that the session can be used again; answers whether it can."""
        try:
            [reply] = await self._dialogue.ask(b"RSET\r\n", 1, self._limits.connect_seconds)
        except BrokenOff:
            return False
        if not 200 <= reply.code <= 299:
            self.abort()
        return self.alive

    async def quit(self) -> None:
        """Take leave politely, in at most two seconds."""
        try:
            await self._dialogue.ask(b"QUIT\r\n", 1, 2.0)
        except BrokenOff:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Hang up."""
        self._dialogue.hang_up()
