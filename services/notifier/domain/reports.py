"""Delivery reports: what a provider reports later about a message that it took over, and how the message changes.

Reports arrive late, twice and out of order. Each is about one copy at the provider, which only ever moves forward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifier.domain.messages import Announcement, Change, Claim, Result, State, Verdict
from services.notifier.domain.retry import RetryPolicy

NO_REPORT = Result(Verdict.UNKNOWN, "no_report", "The provider never said whether the message arrived.")


class ProviderStatus(StrEnum):
    """Progress of a copy at the provider. The values are stored.

    `SILENT`: the last status check came back without an end, so no report is expected any more.
    """

    ACCEPTED = "taken"
    DELIVERED = "delivered"
    FAILED = "failed"
    SILENT = "silent"


RANK = {
    ProviderStatus.ACCEPTED: 1,
    ProviderStatus.SILENT: 2,
    ProviderStatus.DELIVERED: 3,
    ProviderStatus.FAILED: 3,
}
"""Order of the statuses: a report replaces a stored one of a lower rank only."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One report about a copy. `failure` is the meaning of a failed copy, expressed as the result of an attempt."""

    provider_id: str
    message_id: UUID
    status: ProviderStatus
    failure: Result | None = None


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """A message that no sender holds, as it is stored when a report about it is applied.

    `provider_id` names the copy that counts, if there is one; `failed_copies` is the number of copies that the
    provider has reported as failed.
    """

    claim: Claim
    state: State
    provider_id: str | None = None
    failed_copies: int = 1


def decide_after_report(
    message: ReportedMessage, report: DeliveryReport, now: datetime, policy: RetryPolicy, chance: float
) -> Change | None:
    """Return how a report changes a message, or None if it changes nothing.

    A delivered or permanently failed message stays as it is. An unknown outcome becomes a known one if the provider
    reports delivery, or the failure of the copy that counts. `chance` in [0, 1) spreads the retries.
    """
    claim = message.claim
    if message.state in (State.DELIVERED, State.FAILED_PERMANENT):
        return None
    if message.state is State.UNKNOWN and report.status is not ProviderStatus.DELIVERED:
        has_failed = report.status is ProviderStatus.FAILED and message.provider_id == report.provider_id
        return _final(claim, State.FAILED_PERMANENT, Announcement.FAILED, report) if has_failed else None
    match report.status:
        case ProviderStatus.DELIVERED:
            return _final(claim, State.DELIVERED, Announcement.DELIVERED, report)
        case ProviderStatus.ACCEPTED:
            is_sent = message.state is State.SENT
            return None if is_sent else _final(claim, State.SENT, Announcement.SENT, report)
        case ProviderStatus.SILENT:
            unreported = replace(report, failure=NO_REPORT)
            return _final(claim, State.UNKNOWN, Announcement.OUTCOME_UNKNOWN, unreported)
        case ProviderStatus.FAILED:
            is_about_another_copy = message.provider_id not in (None, report.provider_id)
            return None if is_about_another_copy else _after_failure(message, report, now, policy, chance)


def _after_failure(
    message: ReportedMessage, report: DeliveryReport, now: datetime, policy: RetryPolicy, chance: float
) -> Change | None:
    """Retry after a temporary failure while copies, attempts and time are left; keep a retry that is planned already.

    A copy that failed for no known reason (verdict unknown) may have arrived.
    """
    claim, result = message.claim, report.failure or Result(Verdict.REFUSED)
    is_permanent = result.verdict is Verdict.REFUSED
    if not is_permanent and message.state is not State.SENT:
        return None
    ambiguous = claim.ambiguous + (result.verdict is Verdict.UNKNOWN)
    delay_seconds = policy.delay_seconds(max(claim.attempts, 1), chance, result.retry_after_seconds)
    due_at = now + timedelta(seconds=delay_seconds)
    is_exhausted = (
        message.failed_copies >= policy.copy_limit
        or claim.attempts >= policy.attempt_limit
        or ambiguous >= policy.ambiguous_limit
    )
    if is_permanent or is_exhausted or due_at >= claim.message.expires_at:
        return _final(claim, State.FAILED_PERMANENT, Announcement.FAILED, report)
    announce = None if claim.announced else Announcement.FAILED
    return Change(
        State.FAILED_TEMPORARY, due_at, claim.attempts, ambiguous, result.code, result.reason, announce
    )


def _final(claim: Claim, state: State, announce: Announcement, report: DeliveryReport) -> Change:
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
