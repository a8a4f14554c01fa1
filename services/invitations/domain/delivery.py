"""The delivery axis: outcomes of the last message, which may arrive late, twice and out of order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.invitations.domain.models import LastMessage
from services.invitations.domain.states import STOPPED, Delivery

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
class Outcome:
    """What the notifier says about one message; `reason` is words for staff, `code` names a failure."""

    message_id: UUID
    invitation_id: UUID
    delivery: Delivery
    reason: str | None = None
    code: str | None = None


def advances(present: Delivery, outcome: Delivery) -> bool:
    """Does the outcome move the axis? A failure, also one for now, may follow `sent`; any end may follow unknown."""
    rank = _RANK[outcome]
    return rank > _RANK[present] or (rank == _RANK[present] == 1 and outcome is not present)


def advance(current: LastMessage, outcome: Outcome) -> LastMessage | None:
    """The new state, or None where the outcome speaks of an older message or tells nothing new.

    A refusal for good stops the reminders; they start again with a new message.
    """
    if outcome.message_id != current.message_id or not advances(current.delivery, outcome.delivery):
        return None
    reminds = current.reminds and outcome.delivery not in STOPPED
    whose = (current.invitation_id, current.school_id, current.parent_id)
    return LastMessage(*whose, current.message_id, outcome.delivery, outcome.reason, reminds)


def furthest(outcomes: list[Outcome]) -> Outcome:
    """What a sequence of outcomes about one message amounts to. The list is in order and not empty."""
    best = outcomes[0]
    for outcome in outcomes[1:]:
        if advances(best.delivery, outcome.delivery):
            best = outcome
    return best
