"""What every channel does, and the names of what can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that a message to one parent says. The repr shows no person and no link.

    `template` is verify, invite, verify_reminder or invite_reminder; `timezone` an IANA name; `language` BCP 47.
    `valid_seconds`: a provider that has not sent it by then must not send it.
    """

    message_id: UUID
    template: str
    language: str
    address: str = field(repr=False)
    name: str = field(repr=False)
    school_name: str
    link: str = field(repr=False)
    expires_at: datetime
    timezone: str
    valid_seconds: float | None = None
    ours: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    """Where a letter has to wait for its turn: whether it is still this sender's to send."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message over. `detail` is its answer, for staff; `provider_id` its name for the message."""

    detail: str = field(default="", repr=False)
    provider_id: str | None = None


class SendError(Exception):
    """A message was not sent, as far as anyone knows.

    `code` is a short word or the provider's code; `reason` a sentence for staff that names no person; `detail` the
    provider's own text, which can quote an address and so belongs beside the message and never in a log.
    """

    def __init__(
        self, code: str, reason: str, *, detail: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.detail = detail[:2_000]
        self.retry_after_seconds = retry_after_seconds


class Refused(SendError):
    """Never try this message again."""


class TryLater(SendError):
    """This message may work later; others may work now."""


class Unavailable(SendError):
    """The channel as a whole does not work now, or asks for a pause (throttled); no message is to blame."""


class OutcomeUnknown(SendError):
    """The provider may have taken the message over; its answer was lost."""


class NotOurs(SendError):
    """Nothing was sent: the message went to another sender while it waited for its turn."""

    def __init__(self) -> None:
        super().__init__("not_ours", "Another sender has this message.")


class Channel(Protocol):
    """One way to send, opened by `async with`, used by many tasks at once.

    `send` returns when the provider has taken the message over and raises one of the errors above otherwise. It
    ends within the channel's own time limits, also when the provider hangs, and never retries by itself after the
    message may have been taken over. It opens no database transaction and logs nothing about a person.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(self, letter: Letter) -> Receipt:
        """Send one letter. The same `message_id` gives the same identity at the provider, on every attempt."""
        ...
