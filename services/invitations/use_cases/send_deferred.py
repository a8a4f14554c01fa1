"""Messages that were deferred until the end of quiet hours."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import LIVE, Invitation, InvitationPolicy
from services.invitations.domain.rules import Invitee, QuietPeriod, can_receive_links, choose_contact
from services.invitations.storage import invitations
from services.invitations.use_cases.save_changes import Addressee, Change, save_changes
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane


async def send_deferred(tx: Transaction, policy: InvitationPolicy, limit: int, claimed: list[UUID]) -> bool:
    """Send up to `limit` deferred messages that are due; return whether more may be due.

    Adds the claimed ids to `claimed`.
    """
    due = await invitations.claim_deferred(tx, tx.now, limit)
    claimed += [invitation.invitation_id for invitation in due]
    if not due:
        return False
    invitees = await invitations.find_invitees(tx, {invitation.parent_id for invitation in due})
    changes = [
        plan_deferred(policy, invitation, invitees[invitation.parent_id], tx.now) for invitation in due
    ]
    await save_changes(tx, changes, Lane.BULK)
    return len(due) == limit


def plan_deferred(
    policy: InvitationPolicy, invitation: Invitation, invitee: Invitee, now: datetime
) -> Change:
    """Return the change that sends the message, or cancels it if the invitation or its address has ended.

    If no worker ran when quiet hours ended and they have begun again, the message is deferred until their next end.
    """
    contact = choose_contact(invitee.parent, invitation.channel, invitation.contact_id)
    if contact is None or invitation.status not in LIVE or not can_receive_links(invitation, invitee.parent):
        return Change(transitions.cancel_deferred(invitation))
    quiet = QuietPeriod(invitee.school, policy.limits.quiet)
    quiet_end = quiet.end_after(invitation.channel, now)
    if quiet_end is not None:
        return Change(transitions.extend_deferral(invitation, quiet_end))
    to = Addressee(invitee.parent, contact, invitee.school, quiet.hours_for(invitation.channel))
    return Change(transitions.send_deferred(invitation, now), to=to)
