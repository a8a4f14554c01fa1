"""What parents sent from their pages: addresses confirmed, sign-ups, wishes for a fresh link."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import Happening, Invitation, Parent, School, Submission, Transition
from services.invitations.domain.rules import Wish, contact_gone, refusal, verifiable
from services.invitations.domain.states import Fact, InvitationStatus, Origin, Purpose, Refusal
from services.invitations.service.desk import Desk
from services.invitations.service.invite import Order, invite
from services.invitations.service.steps import Addressee, Step, announce, finish
from services.invitations.storage import copies, marks
from services.invitations.storage import invitations as rows
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction

UNKNOWN_INVITATION = "unknown_invitation"


async def verify(tx: Transaction, desk: Desk, submissions: Sequence[Submission]) -> None:
    """Confirm addresses; the invitation follows at once. Each submission gets an answer.

    Raises Rejected for an invitation that was never made here.
    """
    present = await _claim(tx, submissions)
    parents = await copies.find_parents(tx, {one.parent_id for one in present.values()})
    schools = await copies.find_schools(tx, {one.school_id for one in present.values()})
    steps = []
    for submission in submissions:
        current = present[submission.invitation_id]
        parent, school = parents[current.parent_id], schools[current.school_id]
        step = _verify_one(tx, desk, submission, (current, parent, school))
        present[current.invitation_id] = step.invitation
        steps.append(step)
    await finish(tx, steps)
    proved = [step.invitation for step in steps if Fact.CONTACT_VERIFIED in step.transition.facts]
    await marks.mark_verified(tx, proved)


def _verify_one(
    tx: Transaction, desk: Desk, submission: Submission, family: tuple[Invitation, Parent, School]
) -> Step:
    current, parent, school = family
    usable = parent.has_access and not parent.removed and not contact_gone(current, parent)
    if usable and verifiable(current, submission.generation, submission.submitted_at):
        contact = next(one for one in parent.contacts if one.contact_id == current.contact_id)
        return Step(
            transitions.verify(current, school, desk.stamp(tx.now)),
            to=Addressee(parent, contact, school),
            submission_id=submission.submission_id,
        )
    reason = refusal(current, submission.generation, submission.submitted_at)
    if current.purpose is Purpose.JOIN and current.generation == submission.generation:
        reason = Refusal.USED
    return _refuse(current, submission, reason, "verify")


async def sign_up(tx: Transaction, submissions: Sequence[Submission]) -> None:
    """Spend each link at most once: one conditional UPDATE decides, the rest are refused with their reason.

    What was accepted before and is asked again gets the same answer again: the first may have been lost.

    Raises Rejected for an invitation that was never made here.
    """
    present = await _claim(tx, submissions)
    accepted = {one.invitation_id: one for one in await rows.accept(tx, submissions)}
    won = {one.submission_id for one in accepted.values()}
    await announce(
        tx,
        [
            Step(Transition(one, (Fact.ACCEPTED,)), submission_id=one.submission_id)
            for one in accepted.values()
        ],
    )
    present |= accepted
    steps = []
    for submission in submissions:
        current = present[submission.invitation_id]
        if submission.submission_id in won:
            continue
        step = _answer_sign_up(current, submission)
        present[current.invitation_id] = step.invitation
        steps.append(step)
    await finish(tx, steps)


def _answer_sign_up(current: Invitation, submission: Submission) -> Step:
    accepted = current.status is InvitationStatus.SIGNED_UP
    if accepted and submission.submission_id == current.submission_id:
        again = transitions.answered(current, Fact.ACCEPTED)
        return Step(again, submission_id=submission.submission_id, repeated=True)
    reason = refusal(current, submission.generation, submission.submitted_at)
    return _refuse(current, submission, reason, "sign_up")


def _refuse(current: Invitation, submission: Submission, reason: Refusal, detail: str) -> Step:
    refused = transitions.answered(current, Fact.REFUSED)
    return Step(refused, submission_id=submission.submission_id, refusal=reason, detail=detail)


async def complete(tx: Transaction, signed_up: Sequence[tuple[UUID, datetime]]) -> None:
    """Accounts are complete: (invitation_id, moment) each."""
    present = await rows.claim_by_ids(tx, {invitation_id for invitation_id, _ in signed_up})
    done = [
        transitions.signed_up(present[invitation_id], at).invitation
        for invitation_id, at in signed_up
        if invitation_id in present
    ]
    await rows.save(tx, done)
    await marks.record(tx, [Happening(one.parent_id, one.school_id, "signed_up") for one in done])


async def send_fresh_links(tx: Transaction, desk: Desk, invitation_ids: Sequence[UUID]) -> None:
    """Dead links' pages asked for new ones: to the contact on file only.

    The cool-down holds, except after the week is over: who let a whole week pass may ask at once. Unknown ids are
    ignored; where no message goes out the timeline says why.
    """
    owners = await rows.parents_of(tx, invitation_ids)
    parents = await copies.find_parents(tx, set(owners.values()))
    orders = [Order(one.school_id, one.parent_id, Wish(Origin.PARENT)) for one in parents.values()]
    await invite(tx, desk, orders)


async def _claim(tx: Transaction, submissions: Sequence[Submission]) -> dict[UUID, Invitation]:
    present = await rows.claim_by_ids(tx, {one.invitation_id for one in submissions})
    if any(one.invitation_id not in present for one in submissions):
        raise Rejected(UNKNOWN_INVITATION)
    return present
