"""How much is written at once, and what a session that breaks off says about a mail."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.notifier.channels.base import SendError, TryLater, Unavailable
from services.notifier.channels.dialogue import BrokenOff, Reply
from services.notifier.channels.replies import Stage

START_INPUT = 354
STAGES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA)
DOUBT_SECONDS = 60.0


class StaleSession(Exception):
    """The server ended a session that was kept for reuse, before it heard of this mail: take another one."""


@dataclass(slots=True, eq=False)
class Mail:
    """What is handed over. `content` has CRLF line ends; the addresses are ASCII, with no blank, bracket or control
    character. `ours`, asked before anything is sent that could not be taken back: the sender still holds the message.
    """

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    ours: Callable[[], bool] = lambda: True

    @property
    def commands(self) -> tuple[bytes, bytes, bytes]:
        """The envelope."""
        return (
            f"MAIL FROM:<{self.sender}>\r\n".encode("ascii"),
            f"RCPT TO:<{self.recipient}>\r\n".encode("ascii"),
            b"DATA\r\n",
        )


class Pipelining:
    """Whether envelopes are written at once, for all sessions of a channel.

    When one breaks off without a reply nobody knows which command was too much. The next ones are then spoken command
    by command for a while, which shows whom to blame: the recipient of one mail or the whole channel.
    """

    def __init__(self) -> None:
        self._not_before = 0.0
        self._ahead = True

    @property
    def trusted(self) -> bool:
        """Write the envelope at once, where the server offers it."""
        return time.monotonic() >= self._not_before

    @property
    def ahead(self) -> bool:
        """Write an envelope with the content of the mail before it (RFC 2920, 3.1), where the server offers it."""
        return self._ahead and self.trusted

    def keep_apart(self) -> None:
        """A server forgot what came with a content: nothing is written with one any more."""
        self._ahead = False

    def doubt(self) -> None:
        """An envelope broke off unexplained."""
        self._not_before = time.monotonic() + DOUBT_SECONDS


def is_negative(stage: Stage, reply: Reply) -> bool:
    """Whether the server refuses that command."""
    if stage is Stage.DATA:
        return reply.code != START_INPUT
    return not 200 <= reply.code <= 299


def gone(error: BrokenOff) -> SendError:
    """It broke off before the server said anything to the first command: no message is to blame."""
    if error.timed_out:
        return Unavailable("timeout", "The mail server does not answer in time.", detail=str(error))
    return Unavailable("no_connection", "The mail server cannot be reached.", detail=str(error))


def interrupted(error: BrokenOff) -> SendError:
    """It broke off after the server had answered, and before it got the content."""
    if error.timed_out:
        return TryLater("timeout", "The mail server did not answer in time.", detail=str(error))
    return TryLater("connection_lost", "The mail server hung up before it took the mail.", detail=str(error))
