"""What time brings: expiries, announced once and never early, and reminders."""

from __future__ import annotations

from services.invitations.domain import transitions
from services.invitations.domain.models import Invitation, Parent, School, Usage
from services.invitations.domain.rules import choose_contact, contact_gone, may_remind, usage_of
from services.invitations.service.desk import Desk
from services.invitations.service.steps import Addressee, Step, finish
from services.invitations.storage import copies, marks
from services.invitations.storage import invitations as rows
from shared.runtime.database import Transaction
from shared.runtime.outbox import Lane


async def expire(tx: Transaction, limit: int) -> bool:
    """Announce up to `limit` expiries; True when there may be more. Nothing depends on it: use is checked on use."""
    overdue = await rows.claim_expired(tx, tx.now, limit)
    done = [transitions.expire(invitation, tx.now) for invitation in overdue]
    await finish(tx, [Step(transition) for transition in done if transition is not None], Lane.BULK)
    return len(overdue) == limit


async def remind(tx: Transaction, desk: Desk, limit: int) -> bool:
    """Send up to `limit` reminders that are due; True when there may be more."""
    due = await rows.claim_reminders(tx, tx.now, limit)
    if not due:
        return False
    parents = await copies.find_parents(tx, {one.parent_id for one in due})
    schools = await copies.find_schools(tx, {one.school_id for one in due})
    usages = await marks.find_usages(tx, parents)
    steps = [
        _remind_one(
            tx, desk, one, (parents[one.parent_id], schools[one.school_id], usages.get(one.parent_id, ()))
        )
        for one in due
    ]
    await finish(tx, steps, Lane.BULK)
    return len(due) == limit


def _remind_one(
    tx: Transaction, desk: Desk, invitation: Invitation, about: tuple[Parent, School, tuple[Usage, ...]]
) -> Step:
    """A reminder repeats the link; it is dropped for good where no message may go to the address any more."""
    parent, school, usages = about
    contact = choose_contact(parent, invitation.channel, invitation.contact_id)
    usage = usage_of(usages, contact) if contact else None
    capped = usage is not None and usage.messages >= desk.limits.message_cap
    open_to = parent.has_access and not parent.removed and not contact_gone(invitation, parent)
    if contact is None or capped or not open_to or not may_remind(invitation, tx.now):
        return Step(transitions.without_reminders(invitation))
    transition = transitions.remind(invitation, school, desk.stamp(tx.now), desk.limits.cool_down)
    return Step(transition, to=Addressee(parent, contact, school))
