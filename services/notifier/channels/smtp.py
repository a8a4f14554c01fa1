"""One open SMTP session: handing over one mail, with a time limit for every phase."""

from __future__ import annotations

import time
from dataclasses import dataclass

from services.notifier.channels.base import OutcomeUnknown, SendError, TryLater, Unavailable
from services.notifier.channels.dialogue import BrokenOff, Dialogue, Reply
from services.notifier.channels.replies import Stage, error_for

_START_INPUT = 354
_CLOSING = 421
_DOT = b".\r\n"
_STAGES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA)
DOUBT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds that the server may take: to accept a connection and greet, to answer a command, to take the mail over.

    After the final dot a server may already have the mail, so that one is the most generous (RFC 5321, 4.5.3.2.6).
    """

    connect_seconds: float = 10.0
    command_seconds: float = 30.0
    data_seconds: float = 60.0


class StaleSession(Exception):
    """The server ended a session that was kept for reuse, before it heard of this mail: take another one."""


class Pipelining:
    """Whether envelopes are written at once, for all sessions of a channel.

    When one breaks off without a reply nobody knows which command was too much. The next ones are then spoken command
    by command for a while, which shows whom to blame: the recipient of one mail or the whole channel.
    """

    def __init__(self) -> None:
        self._not_before = 0.0

    @property
    def trusted(self) -> bool:
        """Write the envelope at once, where the server offers it."""
        return time.monotonic() >= self._not_before

    def doubt(self) -> None:
        """An envelope broke off unexplained."""
        self._not_before = time.monotonic() + DOUBT_SECONDS


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

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._dialogue.alive

    async def deliver(self, sender: str, recipient: str, mail: bytes) -> str:
        """Hand one mail over and answer the server's words.

        `mail` has CRLF line ends; the addresses are ASCII, with no blank, bracket or control character. Raises the
        errors of `channels.base`; and StaleSession.
        """
        await self._envelope(sender, recipient)
        content = mail.replace(b"\r\n.", b"\r\n..") + _DOT
        try:
            [answer] = await self._dialogue.ask(content, 1, self._limits.data_seconds)
        except BrokenOff as error:
            code = "timeout" if error.timed_out else "connection_lost"
            reason = "The mail server did not say whether it took the mail."
            raise OutcomeUnknown(code, reason, detail=str(error)) from None
        if not 200 <= answer.code <= 299:
            raise error_for(Stage.DATA, answer.code, answer.text)
        return f"{answer.code} {answer.text}"

    async def _envelope(self, sender: str, recipient: str) -> None:
        reused, self._used = self._used, True
        at_once = self._offered and self._pipelining.trusted
        try:
            replies = await self._ask(sender, recipient, at_once=at_once)
        except BrokenOff as error:
            raise self._broken_off(error, reused=reused, at_once=at_once) from None
        for stage, reply in zip(_STAGES, replies, strict=False):
            if _is_negative(stage, reply):
                if reused and stage is Stage.SENDER and reply.code == _CLOSING:
                    raise StaleSession
                await self._decline(replies)
                raise error_for(stage, reply.code, reply.text)

    async def _ask(self, sender: str, recipient: str, *, at_once: bool) -> list[Reply]:
        """Replies to the three commands, up to the first negative one where they are not written at once."""
        commands = (
            f"MAIL FROM:<{sender}>\r\n".encode("ascii"),
            f"RCPT TO:<{recipient}>\r\n".encode("ascii"),
            b"DATA\r\n",
        )
        seconds = self._limits.command_seconds
        if at_once:
            return await self._dialogue.ask(b"".join(commands), len(commands), seconds)
        replies: list[Reply] = []
        for stage, command in zip(_STAGES, commands, strict=True):
            try:
                replies += await self._dialogue.ask(command, 1, seconds)
            except BrokenOff as error:
                raise BrokenOff(str(error), replies, timed_out=error.timed_out) from None
            if _is_negative(stage, replies[-1]):
                break
        return replies

    async def _decline(self, replies: list[Reply]) -> None:
        """A server may ask for content though it has taken no recipient: it gets none (RFC 2920, 3.1)."""
        if len(replies) == len(_STAGES) and replies[-1].code == _START_INPUT:
            try:
                await self._dialogue.ask(_DOT, 1, self._limits.command_seconds)
            except BrokenOff:
                self.abort()

    def _broken_off(self, error: BrokenOff, *, reused: bool, at_once: bool) -> Exception:
        if error.replies:
            return _interrupted(error)
        if reused and not error.timed_out:
            return StaleSession()
        if at_once:
            self._pipelining.doubt()
            return _interrupted(error)
        return _gone(error)

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


def _is_negative(stage: Stage, reply: Reply) -> bool:
    if stage is Stage.DATA:
        return reply.code != _START_INPUT
    return not 200 <= reply.code <= 299


def _gone(error: BrokenOff) -> SendError:
    """It broke off before the server said anything to the first command: no message is to blame."""
    if error.timed_out:
        return Unavailable("timeout", "The mail server does not answer in time.", detail=str(error))
    return Unavailable("no_connection", "The mail server cannot be reached.", detail=str(error))


def _interrupted(error: BrokenOff) -> SendError:
    if error.timed_out:
        return TryLater("timeout", "The mail server did not answer in time.", detail=str(error))
    return TryLater("connection_lost", "The mail server hung up before it took the mail.", detail=str(error))
