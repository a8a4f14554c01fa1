"""Verification of the address to which a verification link was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.invitations.domain import transitions
from services.invitations.domain.models import (
    EventKind,
    Invitation,
    InvitationPolicy,
    Parent,
    Purpose,
    School,
    Submission,
)
from services.invitations.domain.rules import can_receive_links, is_verifiable, refusal_reason
from services.invitations.storage import invitation_updates, invitations
from services.invitations.use_cases.save_changes import Addressee, Change, refuse, save_changes
from shared.contracts.values import RefusalReason
from shared.runtime.database import Transaction


async def verify_contact(
    tx: Transaction, policy: InvitationPolicy, submissions: Sequence[Submission]
) -> None:
    """Answer each submission: verify the address and send the invitation at once, or refuse with a reason.

    Raises Rejected if a submission names an invitation that never existed.
    """
    present = await invitations.claim_existing(tx, {submission.invitation_id for submission in submissions})
    parents = await invitations.find_parents(tx, {invitation.parent_id for invitation in present.values()})
    changes = []
    for submission in submissions:
        current = present[submission.invitation_id]
        change = answer_verification(policy, submission, current, parents[current.parent_id], tx.now)
        present[current.invitation_id] = change.invitation
        changes.append(change)
    await save_changes(tx, changes)
    verified = [
        change.invitation for change in changes if EventKind.CONTACT_VERIFIED in change.transition.events
    ]
    await invitation_updates.mark_verified(tx, verified)


def answer_verification(
    policy: InvitationPolicy,
    submission: Submission,
    current: Invitation,
    parent_and_school: tuple[Parent, School],
    now: datetime,
) -> Change:
    """Return the change that verifies the address and sends the invitation, or that refuses the submission."""
    parent, school = parent_and_school
    generation, submitted_at = submission.generation, submission.submitted_at
    if not can_receive_links(current, parent) or not is_verifiable(current, generation, submitted_at):
        return refuse(current, submission, _refusal_reason(current, submission))
    contact = next(contact for contact in parent.contacts if contact.contact_id == current.contact_id)
    return Change(
        transitions.verify(current, school, policy.transition_inputs(now)),
        to=Addressee(parent, contact, school),
        submission_id=submission.submission_id,
    )


def _refusal_reason(current: Invitation, submission: Submission) -> RefusalReason:
    if current.purpose is Purpose.JOIN and current.generation == submission.generation:
        return RefusalReason.USED
    return refusal_reason(current, submission.generation, submission.submitted_at)
