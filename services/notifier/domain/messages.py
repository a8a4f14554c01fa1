"""A message, its states, and how an attempt changes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifier.domain.retry import RetryPolicy

OPTED_OUT = "opted_out"
"""Code of a refusal because the recipient has opted out (answered STOP)."""
STATUS_CHECK_AFTER_SECONDS = (600.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0)
"""Seconds from the hand-over to the status checks of a message for which no delivery report came."""
STATUS_CHECK_AGAIN_SECONDS = 3_600.0
"""Seconds after which the last status check is repeated if the provider did not answer it."""


class State(StrEnum):
    """State of a message. `SENDING` messages are held by a sender under a lease.

    `SENT` is final where the channel cannot confirm delivery; `DELIVERED` and `FAILED_PERMANENT` always are. `UNKNOWN`
    is final unless a delivery report arrives after all.
    """

    QUEUED = "queued"
    SENDING = "sending"
    FAILED_TEMPORARY = "failed_temporary"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED_PERMANENT = "failed_permanent"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Kind of the result of an attempt."""

    SENT = "sent"
    REFUSED = "refused"
    TRY_LATER = "try_later"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    NOT_TRIED = "not_tried"


class Announcement(StrEnum):
    """Kind of the event that announces a change."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Address and name of the recipient. The repr shows neither, so that no log can."""

    address: str
    name: str

    def __repr__(self) -> str:
        return "Recipient(redacted)"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was commanded. The link in it is dead from `expires_at` on.

    From `quiet_from` until `quiet_until`, hours of the day in `timezone`, the message is deferred; without them it is
    sent at any hour.
    """

    message_id: UUID
    school_id: UUID
    parent_id: UUID
    invitation_id: UUID
    generation: int
    channel: str
    template: str
    recipient: Recipient
    language: str
    school_name: str
    timezone: str
    token_key_id: str
    expires_at: datetime
    quiet_from: time | None = None
    quiet_until: time | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that one sender holds.

    `fence` identifies the claim: an outcome is recorded only while the row still has this number. `attempts` counts
    the finished attempts that were used up, `ambiguous` those with an unknown outcome. `announced`: a temporary failure
    has been announced already. `interrupted`: the process of an earlier sender ended while it held the message.
    """

    message: Message
    fence: int
    attempts: int = 0
    ambiguous: int = 0
    announced: bool = False
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Result of an attempt.

    `code` is a short word or the provider's code; `reason` a sentence for staff that names no person; `detail` the
    provider's own text, which may quote an address. `provider_id` is the id under which the provider will report.
    """

    verdict: Verdict
    code: str = ""
    reason: str = ""
    detail: str = field(default="", repr=False)
    retry_after_seconds: float | None = None
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished attempt: its claim, its result, and when the message was claimed for it."""

    claim: Claim
    result: Result
    began_at: datetime

    @property
    def may_have_been_accepted(self) -> bool:
        """Whether a copy may be with the provider, so that the message may be sent twice if this is never recorded."""
        return self.result.verdict in (Verdict.SENT, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Change:
    """New state of a message. `due_at` is when it is tried again, None if never."""

    state: State
    due_at: datetime | None
    attempts: int
    ambiguous: int
    code: str
    reason: str
    announce: Announcement | None
    provider_id: str | None = None

    @property
    def final(self) -> bool:
        """Whether no further attempt follows."""
        return self.due_at is None


def decide_before_attempt(claim: Claim, now: datetime, policy: RetryPolicy) -> Change | None:
    """Return the final change of a claimed message that must not be tried any more, or None if it may be sent."""
    if now >= claim.message.expires_at:
        reason = "The link in this message ran out before it could be sent."
        return _give_up(claim, Result(Verdict.TRY_LATER, "expired", reason), claim.attempts, claim.ambiguous)
    if claim.attempts >= policy.attempt_limit:
        reason = "Sending was interrupted again and again."
        return _give_up(
            claim, Result(Verdict.UNKNOWN, "interrupted", reason), claim.attempts, claim.ambiguous
        )
    return None


def decide_after_attempt(
    claim: Claim, result: Result, now: datetime, policy: RetryPolicy, chance: float
) -> Change:
    """Return how the result of an attempt changes the message; `chance` in [0, 1) spreads the retries."""
    if result.verdict is Verdict.SENT:
        return _final(claim, result, State.SENT, Announcement.SENT)
    if result.verdict is Verdict.REFUSED:
        return _final(claim, result, State.FAILED_PERMANENT, Announcement.FAILED)
    if result.verdict in (Verdict.UNAVAILABLE, Verdict.NOT_TRIED):
        return _wait_for_channel(claim, result, now)
    ambiguous = claim.ambiguous + (result.verdict is Verdict.UNKNOWN)
    attempts = claim.attempts + 1
    is_exhausted = attempts >= policy.attempt_limit or ambiguous >= policy.ambiguous_limit
    due_at = now + timedelta(seconds=policy.delay_seconds(attempts, chance, result.retry_after_seconds))
    if is_exhausted or due_at >= claim.message.expires_at:
        return _give_up(claim, result, attempts, ambiguous)
    return Change(
        State.FAILED_TEMPORARY,
        due_at,
        attempts,
        ambiguous,
        result.code,
        result.reason,
        None if claim.announced else Announcement.FAILED,
    )


def _final(claim: Claim, result: Result, state: State, announce: Announcement) -> Change:
    return Change(
        state,
        None,
        claim.attempts + 1,
        claim.ambiguous,
        result.code,
        result.reason,
        announce,
        result.provider_id,
    )


def _wait_for_channel(claim: Claim, result: Result, now: datetime) -> Change:
    """Make the message due again without using up an attempt.

    The failure is announced once, and only if the message was really tried.
    """
    is_tried = result.verdict is Verdict.UNAVAILABLE
    is_announced = claim.announced or is_tried
    return Change(
        State.FAILED_TEMPORARY if is_announced else State.QUEUED,
        now + timedelta(seconds=max(0.0, result.retry_after_seconds or 0.0)),
        claim.attempts,
        claim.ambiguous,
        result.code,
        result.reason,
        Announcement.FAILED if is_tried and not claim.announced else None,
    )


def _give_up(claim: Claim, result: Result, attempts: int, ambiguous: int) -> Change:
    """End the message: unknown where a copy may have arrived, otherwise failed with the last reason."""
    if ambiguous or claim.interrupted:
        state, announce = State.UNKNOWN, Announcement.OUTCOME_UNKNOWN
        reason = f"{result.reason} An earlier attempt may have reached the recipient."
    else:
        state, announce = State.FAILED_PERMANENT, Announcement.FAILED
        reason = result.reason
    return Change(state, None, attempts, ambiguous, result.code, reason, announce)
