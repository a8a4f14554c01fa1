"""Delivery of the last message: merges delivery reports that may arrive late, twice and out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.invitations.domain.models import UNDELIVERABLE, LastMessage
from shared.contracts.values import Delivery

_RANK = {
    Delivery.QUEUED: 0,
    Delivery.DEFERRED: 1,
    Delivery.FAILED_TEMPORARY: 1,
    Delivery.SENT: 1,
    Delivery.UNKNOWN: 2,
    Delivery.DELIVERED: 3,
    Delivery.FAILED_PERMANENT: 3,
    Delivery.SUPPRESSED: 3,
    Delivery.PRINTED: 3,
}


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """Report of the notifier about one message; `reason` is a text for staff, `code` names a failure."""

    message_id: UUID
    invitation_id: UUID
    delivery: Delivery
    reason: str | None = None
    code: str | None = None


def advances(present: Delivery, reported: Delivery) -> bool:
    """Return whether a report changes the delivery.

    A failure, including a temporary one, may follow `sent`; any final delivery may follow `unknown`.
    """
    rank = _RANK[reported]
    return rank > _RANK[present] or (rank == _RANK[present] == 1 and reported is not present)


def advance(current: LastMessage, report: DeliveryReport) -> LastMessage | None:
    """Return the new state, or None if the report is about an older message or brings nothing new.

    A permanent failure stops the reminders; they start again with a new message.
    """
    if report.message_id != current.message_id or not advances(current.delivery, report.delivery):
        return None
    reminds = current.reminds and report.delivery not in UNDELIVERABLE
    return replace(current, delivery=report.delivery, delivery_reason=report.reason, reminds=reminds)


def furthest(reports: Sequence[DeliveryReport]) -> DeliveryReport:
    """Return the report that decides among several about one message, which are in order and at least one."""
    best = reports[0]
    for report in reports[1:]:
        if advances(best.delivery, report.delivery):
            best = report
    return best
