"""Reminders to parents who have not used their link."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import Invitation, InvitationPolicy
from services.invitations.domain.rules import (
    Invitee,
    QuietPeriod,
    can_receive_links,
    choose_contact,
    is_closed,
    may_remind,
)
from services.invitations.storage import invitations
from services.invitations.use_cases.save_changes import Addressee, Change, save_changes
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane


async def remind(tx: Transaction, policy: InvitationPolicy, limit: int, claimed: list[UUID]) -> bool:
    """Send up to `limit` reminders that are due; return whether more may be due.

    Adds the claimed ids to `claimed`.
    """
    due = await invitations.claim_reminders(tx, tx.now, limit)
    claimed += [invitation.invitation_id for invitation in due]
    if not due:
        return False
    invitees = await invitations.find_invitees(tx, {invitation.parent_id for invitation in due})
    changes = [
        plan_reminder(policy, invitation, invitees[invitation.parent_id], tx.now) for invitation in due
    ]
    await save_changes(tx, changes, Lane.BULK)
    return len(due) == limit


def plan_reminder(
    policy: InvitationPolicy, invitation: Invitation, invitee: Invitee, now: datetime
) -> Change:
    """Return the change that repeats the link, defers the reminder, or stops the reminders.

    They are stopped if the contact gets no further message.
    """
    contact = choose_contact(invitee.parent, invitation.channel, invitation.contact_id)
    if (
        contact is None
        or not can_receive_links(invitation, invitee.parent)
        or is_closed(invitee, contact, invitation.channel, policy.limits)
        or not may_remind(invitation, now)
    ):
        return Change(transitions.stop_reminders(invitation))
    quiet = QuietPeriod(invitee.school, policy.limits.quiet)
    quiet_end = quiet.end_after(invitation.channel, now)
    if quiet_end is not None:
        return Change(transitions.defer_reminder(invitation, quiet_end))
    inputs = policy.transition_inputs(now)
    transition = transitions.remind(invitation, invitee.school, inputs, policy.limits.cool_down)
    to = Addressee(invitee.parent, contact, invitee.school, quiet.hours_for(invitation.channel))
    return Change(transition, to=to)
