"""A message, its states, and what the outcome of one attempt makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifier.domain.retry import RetryPolicy


class State(StrEnum):
    """Where a message stands. `sending` is in a sender's hands under a lease; the last three never change again.

    `sent` is the end as well where the channel cannot confirm.
    """

    QUEUED = "queued"
    SENDING = "sending"
    FAILED_TEMPORARY = "failed_temporary"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED_PERMANENT = "failed_permanent"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """The outcome of one attempt."""

    SENT = "sent"
    REFUSED = "refused"
    TRY_LATER = "try_later"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    NOT_TRIED = "not_tried"


class Announcement(StrEnum):
    """The fact that a change is told with, if any."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets it; the repr shows nothing, so that no log can."""

    address: str
    name: str

    def __repr__(self) -> str:
        return "Recipient(redacted)"


@dataclass(frozen=True, slots=True)
class Message:
    """What was commanded. `expires_at`: the link in it is dead from then on.

    `quiet_from` to `quiet_until`: hours of the day in `timezone` in which it waits; None: it goes out at any hour.
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
    """A message in the hands of one sender.

    `fence` names this claim: an outcome is recorded only while the row still carries it. `attempts` counts the
    finished ones that used up a try, `ambiguous` those after which nobody knew. `announced`: a temporary failure was
    told already. `interrupted`: an earlier sender vanished with the message in its hands.
    """

    message: Message
    fence: int
    attempts: int = 0
    ambiguous: int = 0
    announced: bool = False
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended. `reason` is for staff; `detail` is the provider's own text, which may quote an address.

    `provider_id` is the provider's name for the message, where reports about it will come.
    """

    verdict: Verdict
    code: str = ""
    reason: str = ""
    detail: str = field(default="", repr=False)
    retry_after_seconds: float | None = None
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt: its claim, when that was taken, and how it ended."""

    claim: Claim
    result: Result
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What a result makes of the message. `due_at`: when it is tried again; None for ever."""

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
        """Nothing more will happen to the message."""
        return self.due_at is None


def spent(claim: Claim, now: datetime, policy: RetryPolicy) -> Change | None:
    """What becomes of a claimed message that must not be tried any more; None if it may be sent."""
    if now >= claim.message.expires_at:
        reason = "The link in this message ran out before it could be sent."
        return _give_up(claim, Result(Verdict.TRY_LATER, "expired", reason), claim.attempts, claim.ambiguous)
    if claim.attempts >= policy.attempt_limit:
        reason = "Sending was interrupted again and again."
        return _give_up(
            claim, Result(Verdict.UNKNOWN, "interrupted", reason), claim.attempts, claim.ambiguous
        )
    return None


def settle(claim: Claim, result: Result, now: datetime, policy: RetryPolicy, chance: float) -> Change:
    """Decide what becomes of a message after an attempt; `chance` in [0, 1) spreads the retries."""
    if result.verdict is Verdict.SENT:
        return _final(claim, result, State.SENT, Announcement.SENT)
    if result.verdict is Verdict.REFUSED:
        return _final(claim, result, State.FAILED_PERMANENT, Announcement.FAILED)
    if result.verdict in (Verdict.UNAVAILABLE, Verdict.NOT_TRIED):
        return _wait_for_channel(claim, result, now)
    ambiguous = claim.ambiguous + (result.verdict is Verdict.UNKNOWN)
    attempts = claim.attempts + 1
    exhausted = attempts >= policy.attempt_limit or ambiguous >= policy.ambiguous_limit
    due_at = now + timedelta(seconds=policy.delay_seconds(attempts, chance, result.retry_after_seconds))
    if exhausted or due_at >= claim.message.expires_at:
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
    """The channel as a whole is down, so no try is used up; told once, and only of a message that was really tried."""
    tried = result.verdict is Verdict.UNAVAILABLE
    told = claim.announced or tried
    return Change(
        State.FAILED_TEMPORARY if told else State.QUEUED,
        now + timedelta(seconds=max(0.0, result.retry_after_seconds or 0.0)),
        claim.attempts,
        claim.ambiguous,
        result.code,
        result.reason,
        Announcement.FAILED if tried and not claim.announced else None,
    )


def _give_up(claim: Claim, result: Result, attempts: int, ambiguous: int) -> Change:
    """No try is left: `unknown` where a copy may have arrived, else failed for good with the last reason."""
    if ambiguous or claim.interrupted:
        state, announce = State.UNKNOWN, Announcement.OUTCOME_UNKNOWN
        reason = f"{result.reason} An earlier attempt may have reached the recipient."
    else:
        state, announce = State.FAILED_PERMANENT, Announcement.FAILED
        reason = result.reason
    return Change(state, None, attempts, ambiguous, result.code, reason, announce)
