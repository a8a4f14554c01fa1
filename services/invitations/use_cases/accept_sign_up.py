"""Acceptance of sign-ups: each link is used at most once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import EventKind, Invitation, Submission, TimelineEntry, Transition
from services.invitations.domain.rules import refusal_reason
from services.invitations.storage import invitation_updates, invitations
from services.invitations.use_cases.save_changes import Change, announce, refuse, save_changes
from shared.contracts.values import InvitationStatus
from shared.runtime.database import Transaction


async def accept_sign_up(tx: Transaction, submissions: Sequence[Submission]) -> None:
    """Answer each submission: one conditional UPDATE accepts at most one per link, the others are refused.

    A submission that was accepted before is accepted again, because the first answer may have been lost. Raises
    Rejected if a submission names an invitation that never existed.
    """
    present = await invitations.claim_existing(tx, {submission.invitation_id for submission in submissions})
    accepted = await invitation_updates.accept(tx, submissions)
    acceptances = [
        Change(Transition(invitation, (EventKind.ACCEPTED,)), submission_id=invitation.submission_id)
        for invitation in accepted
    ]
    await announce(tx, acceptances)
    accepted_ids = {invitation.submission_id for invitation in accepted}
    present |= {invitation.invitation_id: invitation for invitation in accepted}
    answers = []
    for submission in submissions:
        if submission.submission_id in accepted_ids:
            continue
        current = present[submission.invitation_id]
        answer = answer_unaccepted(current, submission)
        present[current.invitation_id] = answer.invitation
        answers.append(answer)
    await save_changes(tx, answers)


def answer_unaccepted(current: Invitation, submission: Submission) -> Change:
    """Return the change that repeats an earlier acceptance of the submission, or that refuses it."""
    is_signed_up = current.status is InvitationStatus.SIGNED_UP
    if is_signed_up and submission.submission_id == current.submission_id:
        transition = transitions.answer_submission(current, EventKind.ACCEPTED)
        return Change(transition, submission_id=submission.submission_id, repeated=True)
    reason = refusal_reason(current, submission.generation, submission.submitted_at)
    return refuse(current, submission, reason)


async def complete_sign_up(tx: Transaction, completions: Sequence[tuple[UUID, datetime]]) -> None:
    """Record that accounts are complete, given (invitation_id, signed_up_at); unknown invitations are ignored."""
    present = await invitations.claim_by_ids(tx, {invitation_id for invitation_id, _ in completions})
    completed = [
        transitions.complete_sign_up(present[invitation_id], signed_up_at).invitation
        for invitation_id, signed_up_at in completions
        if invitation_id in present
    ]
    await invitation_updates.save(tx, completed)
    entries = [
        TimelineEntry(invitation.parent_id, invitation.school_id, "signed_up") for invitation in completed
    ]
    await invitation_updates.record(tx, entries)
