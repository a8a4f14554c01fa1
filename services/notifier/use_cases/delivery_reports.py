"""Delivery reports of providers: saved as they arrive, and applied in order."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import groupby
from uuid import UUID

from services.notifier.domain.messages import Change, Claim, Result
from services.notifier.domain.reports import DeliveryReport, ProviderStatus, decide_after_report
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage import reports
from services.notifier.storage.reports import PendingReport
from services.notifier.use_cases.record_outcomes import save_and_emit
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

ExplainFailure = Callable[[int | None], Result]
"""Translates a provider's code of a failed copy, or None where it gave no code, into the result of an attempt."""
_chance = random.SystemRandom().random


async def save_report(
    tx: Transaction, provider_id: str, message_id: UUID, status: ProviderStatus, code: int | None
) -> None:
    """Save a report; one that is repeated, or no further than the stored one, changes nothing."""
    await reports.save_report(tx, provider_id, message_id, status, code)


async def apply_reports(
    tx: Transaction, policy: RetryPolicy, explain_failure: ExplainFailure, limit: int
) -> bool:
    """Apply up to `limit` saved reports, one of each message; return whether there may be more."""
    claimed = await reports.claim_reports(tx, limit)
    pending = [next(group) for _, group in groupby(claimed, lambda report: report.message_id)]
    changes: dict[str, list[tuple[Claim, Change]]] = {}
    for report in pending:
        decoded = _decode(report, explain_failure)
        change = decide_after_report(report.message, decoded, tx.now, policy, _chance())
        if change is not None:
            changes.setdefault(report.lane, []).append((report.message.claim, change))
    for lane, lane_changes in changes.items():
        await save_and_emit(tx, lane_changes, lane=Lane(lane), claimed=False)
    if pending:
        await reports.mark_applied(tx, [report.provider_id for report in pending])
    return len(claimed) == limit or len(pending) < len(claimed)


async def forget_unmatched_reports(tx: Transaction) -> None:
    """Delete reports about messages that do not exist here."""
    await reports.delete_unmatched_reports(tx)


def _decode(report: PendingReport, explain_failure: ExplainFailure) -> DeliveryReport:
    failure = explain_failure(report.code) if report.status is ProviderStatus.FAILED else None
    return DeliveryReport(report.provider_id, report.message_id, report.status, failure)
