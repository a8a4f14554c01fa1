"""Saving what a transition returned, and saying so: the rows, the timeline, the facts and the command to send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.invitations.domain.models import Happening, Transition
from services.invitations.domain.quiet import left_of, may_give_up
from services.invitations.domain.states import Fact, Template
from services.invitations.service.wording import Addressee, Step, outgoing
from services.invitations.storage import bulk_items, first, marks
from services.invitations.storage import invitations as rows
from services.invitations.storage.first import First
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, emit

__all__ = ["Addressee", "Step", "announce", "finish"]


async def finish(tx: Transaction, steps: Sequence[Step], lane: Lane = Lane.SINGLE) -> None:
    """Save the new states and announce them. The rows are locked."""
    given_up = dict(left_of(step.transition) for step in steps if may_give_up(step.transition))
    if given_up:
        await bulk_items.skip_unsent(tx, given_up)
    whole = [_as_first(step) for step in steps if _is_whole(step)]
    await first.add(tx, whole, tx.now)
    await rows.add(tx, [one.invitation for one in steps if one.transition.first and not _is_whole(one)])
    await rows.save(tx, [step.invitation for step in steps if not step.transition.first])
    await announce(tx, steps, lane)


def _is_whole(step: Step) -> bool:
    """A first invitation that is sent at once and tells one fact: all of its rows are written together."""
    return step.transition.first and step.transition.send is not None


def _as_first(step: Step) -> First:
    (line,) = _timeline(step)
    return First(step.invitation, line.event, line.detail, line.actor)


async def announce(tx: Transaction, steps: Sequence[Step], lane: Lane = Lane.SINGLE) -> None:
    """Write timelines, count messages and emit, for states that are saved."""
    if not steps:
        return
    others = [step for step in steps if not _is_whole(step)]
    counted = [step.invitation for step in others if _counts(step.transition)]
    if counted:
        await marks.count_messages(tx, counted)
    await marks.record(tx, [line for step in others for line in _timeline(step)])
    await emit(tx, *(message for step in steps for message in outgoing(step, tx.now)), lane=lane)


def _counts(transition: Transition) -> bool:
    """A verification message and the invitation that follows it count as one."""
    return transition.send is not None and Fact.CONTACT_VERIFIED not in transition.facts


def _timeline(step: Step) -> Iterator[Happening]:
    invitation = step.invitation
    for fact in () if step.repeated else step.transition.facts:
        detail = step.refusal.value if fact is Fact.REFUSED and step.refusal else step.detail
        yield Happening(invitation.parent_id, invitation.school_id, fact.value, detail, step.actor)
    if step.transition.send in {Template.VERIFY_REMINDER, Template.INVITE_REMINDER}:
        yield Happening(invitation.parent_id, invitation.school_id, "reminder_sent", None, step.actor)
