"""Protocol of a channel, the message that it sends, and the errors that sending can raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Protocol, Self
from uuid import UUID

from services.notifier.domain.messages import OPTED_OUT, Result, Verdict
from services.notifier.domain.reports import ProviderStatus


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """Content of a message to one parent. The repr shows no person and no link.

    `template` is verify, invite, verify_reminder or invite_reminder; `timezone` an IANA name; `language` a BCP 47 tag.
    `valid_seconds`: a provider that has not sent the message by then must not send it.
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
    is_held: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    """Return whether the sender still holds the lease; called after the message had to wait within the channel."""
    on_interruptible: Callable[[bool], None] = field(default=lambda _: None, repr=False, compare=False)
    """Called with True once the provider is asked about the recipient, and with False before it can have the message.

    In between the attempt may be cancelled and repeated.
    """


@dataclass(frozen=True, slots=True)
class Receipt:
    """Confirmation that the provider took a message over.

    `detail` is its answer, for staff; `provider_id` the id under which it will report, if it reports.
    """

    detail: str = field(default="", repr=False)
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Status of one copy at the provider. `code` is the provider's code of a failure."""

    provider_id: str
    status: ProviderStatus
    code: int | None


class SendError(Exception):
    """Error of an attempt after which the message is not sent, as far as is known.

    `code` is a short word or the provider's code; `reason` a sentence for staff that names no person; `detail` the
    provider's own text, which can quote an address and therefore is stored with the message and never logged.
    """

    verdict: ClassVar[Verdict] = Verdict.TRY_LATER

    def __init__(
        self, code: str, reason: str, *, detail: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.detail = detail[:2_000]
        self.retry_after_seconds = retry_after_seconds

    def result(self) -> Result:
        """Return the error as the result of an attempt."""
        return Result(self.verdict, self.code, self.reason, self.detail, self.retry_after_seconds)


class Refused(SendError):
    """Refusal of a message that must never be tried again."""

    verdict = Verdict.REFUSED


class OptedOut(Refused):
    """Refusal because the recipient has answered STOP, as the provider knows."""

    def __init__(self, reason: str, *, detail: str = "") -> None:
        super().__init__(OPTED_OUT, reason, detail=detail)


class TryLater(SendError):
    """Temporary failure of one message; other messages may be accepted now."""

    verdict = Verdict.TRY_LATER


class Unavailable(SendError):
    """Failure of the channel as a whole, or a pause that the provider requests; the message is not the cause."""

    verdict = Verdict.UNAVAILABLE


class OutcomeUnknown(SendError):
    """Loss of the provider's answer; it may have taken the message over."""

    verdict = Verdict.UNKNOWN


class LeaseLost(SendError):
    """Loss of the lease while the message waited within the channel; nothing was sent, and another sender has it."""

    verdict = Verdict.NOT_TRIED

    def __init__(self) -> None:
        super().__init__("not_ours", "Another sender has this message.")


class Channel(Protocol):
    """A way to send messages, opened with `async with` and used by many tasks at once.

    `send` returns when the provider has taken the message over, and raises one of the errors above otherwise. It ends
    within the time limits of the channel, even when the provider hangs, and never retries by itself once the message
    may have been taken over. It opens no database transaction and logs nothing about a person.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send one message. The same `message_id` gives the same identity at the provider, on every attempt."""
        ...


class StatusChannel(Channel, Protocol):
    """A channel whose provider can be queried for the status of a message."""

    async def fetch_status(self, provider_id: str) -> StatusReport | None:
        """Return the status of a message, or None where the answer is no status that is known.

        Raises the errors above; `Refused` where the provider does not know the message.
        """
        ...
