"""What a provider reports later about a message that it took over, and what that makes of the message.

Reports arrive late, twice and out of order. Each is about one copy at the provider, which only ever moves forward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifier.domain.messages import Announcement, Change, Claim, Result, State, Verdict
from services.notifier.domain.retry import RetryPolicy

CONFIRMING = frozenset({"sms", "whatsapp"})
"""Channels whose provider reports what became of a message."""
ASK_AFTER_SECONDS = (600.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0)
"""When the provider is asked about a message that no report came for, counted from the hand-over."""
ASK_AGAIN_SECONDS = 3_600.0
"""After that the last question is put again if nobody answered it."""
NO_REPORT = Result(Verdict.UNKNOWN, "no_report", "The provider never said whether the message arrived.")


class Word(StrEnum):
    """How far a copy is at the provider; silent: it was asked often enough and does not know."""

    TAKEN = "taken"
    DELIVERED = "delivered"
    FAILED = "failed"
    SILENT = "silent"


RANK = {Word.TAKEN: 1, Word.SILENT: 2, Word.DELIVERED: 3, Word.FAILED: 3}


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `failure` says what a failed copy means, in the terms of an attempt."""

    provider_id: str
    message_id: UUID
    word: Word
    failure: Result | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A message as it stands, in nobody's hands, and the copy at the provider that counts, if known.

    `failed_copies`: how many copies the provider has reported as failed.
    """

    claim: Claim
    state: State
    provider_id: str | None = None
    failed_copies: int = 1


def hear(
    standing: Standing, report: Report, now: datetime, policy: RetryPolicy, chance: float
) -> Change | None:
    """What a report makes of a message; None for nothing. What is delivered or has failed for good stays so.

    An unknown outcome becomes a known one, if the provider does say what became of the copy.
    """
    claim = standing.claim
    if standing.state in (State.DELIVERED, State.FAILED_PERMANENT):
        return None
    if standing.state is State.UNKNOWN and report.word is not Word.DELIVERED:
        lost = report.word is Word.FAILED and standing.provider_id == report.provider_id
        return _final(claim, State.FAILED_PERMANENT, Announcement.FAILED, report) if lost else None
    match report.word:
        case Word.DELIVERED:
            return _final(claim, State.DELIVERED, Announcement.DELIVERED, report)
        case Word.TAKEN:
            known = standing.state is State.SENT
            return None if known else _final(claim, State.SENT, Announcement.SENT, report)
        case Word.SILENT:
            silent = replace(report, failure=NO_REPORT)
            return _final(claim, State.UNKNOWN, Announcement.OUTCOME_UNKNOWN, silent)
        case Word.FAILED:
            about_another = standing.provider_id not in (None, report.provider_id)
            return None if about_another else _failed(standing, report, now, policy, chance)


def _failed(
    standing: Standing, report: Report, now: datetime, policy: RetryPolicy, chance: float
) -> Change | None:
    """A failure for now is tried again while copies, attempts and time are left; one that is planned already stays.

    A copy that failed for no known reason (verdict unknown) may have arrived.
    """
    claim, result = standing.claim, report.failure or Result(Verdict.REFUSED)
    for_good = result.verdict is Verdict.REFUSED
    if not for_good and standing.state is not State.SENT:
        return None
    ambiguous = claim.ambiguous + (result.verdict is Verdict.UNKNOWN)
    wait = policy.delay_seconds(max(claim.attempts, 1), chance, result.retry_after_seconds)
    due_at = now + timedelta(seconds=wait)
    exhausted = (
        standing.failed_copies >= policy.copy_limit
        or claim.attempts >= policy.attempt_limit
        or ambiguous >= policy.ambiguous_limit
    )
    if for_good or exhausted or due_at >= claim.message.expires_at:
        return _final(claim, State.FAILED_PERMANENT, Announcement.FAILED, report)
    announce = None if claim.announced else Announcement.FAILED
    return Change(
        State.FAILED_TEMPORARY, due_at, claim.attempts, ambiguous, result.code, result.reason, announce
    )


def _final(claim: Claim, state: State, announce: Announcement, report: Report) -> Change:
    result = report.failure or Result(Verdict.SENT)
    return Change(
        state,
        None,
        claim.attempts,
        claim.ambiguous,
        result.code,
        result.reason,
        announce,
        report.provider_id,
    )
