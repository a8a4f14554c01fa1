"""What the roster says: copies of schools and parents, and what a change means for links that are out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.copies import ParentCopy, Requested, SchoolCopy
from services.invitations.domain.models import Invitation, Parent, Transition
from services.invitations.domain.rules import Stop, Wish, contact_gone
from services.invitations.domain.states import LIVE, InvitationStatus, Origin
from services.invitations.service.desk import Desk
from services.invitations.service.invite import Order, invite
from services.invitations.service.steps import Step, finish
from services.invitations.storage import copies, marks
from services.invitations.storage import invitations as rows
from shared.runtime.database import Transaction


async def keep_schools(tx: Transaction, desk: Desk, schools: Sequence[SchoolCopy]) -> None:
    """Take over schools, the highest version of each, and invite those who waited for them."""
    latest: dict[UUID, SchoolCopy] = {}
    for row in sorted(schools, key=lambda row: row.version):
        latest[row.school.school_id] = row
    await copies.save_schools(tx, latest.values())
    await _fulfil(tx, desk, await marks.take_wishes(tx, school_ids=latest))


async def keep_parents(tx: Transaction, desk: Desk, parents: Sequence[ParentCopy]) -> None:
    """Take over parents, the highest version of each; links follow what changed, waiting wishes are fulfilled."""
    latest: dict[UUID, ParentCopy] = {}
    for row in sorted(parents, key=lambda row: row.version):
        latest[row.parent.parent_id] = row
    changed = await copies.save_parents(tx, latest.values())
    await _settle(tx, desk, {parent_id: latest[parent_id].parent for parent_id in changed})
    await _fulfil(tx, desk, await marks.take_wishes(tx, parent_ids=changed))


async def want_invitations(tx: Transaction, desk: Desk, wishes: Sequence[Requested]) -> None:
    """Somebody ticked "invite": at once where parent and school are here, else as soon as they are."""
    latest = {wish.parent_id: wish for wish in wishes}
    await marks.keep_wishes(tx, latest.values())
    await _fulfil(tx, desk, await marks.take_wishes(tx, parent_ids=latest))


async def fulfil_left(tx: Transaction, desk: Desk, limit: int) -> bool:
    """Invite up to `limit` parents whose wish was left: its last part came while another worker kept the one before.

    Neither saw the other's row then. True when there may be more.
    """
    left = await marks.find_wished_parents(tx, limit)
    if left:
        await copies.claim_parents(tx, left)
        await _fulfil(tx, desk, await marks.take_wishes(tx, parent_ids=left))
    return len(left) == limit


async def _fulfil(tx: Transaction, desk: Desk, wishes: Sequence[Requested]) -> None:
    orders = [
        Order(wish.school_id, wish.parent_id, Wish(Origin.ADDED, wish.channel, wish.contact_id), wish.actor)
        for wish in wishes
    ]
    await invite(tx, desk, orders)


async def _settle(tx: Transaction, desk: Desk, parents: dict[UUID, Parent]) -> None:
    """Bring the invitations of changed parents, whose rows are locked, in line with them."""
    present = await rows.claim_by_parents(tx, parents)
    steps, restarts = [], []
    for invitation in present.values():
        parent = parents[invitation.parent_id]
        transition = _access(invitation, parent)
        if transition is not None:
            steps.append(Step(transition, submission_id=invitation.submission_id))
        elif invitation.status in LIVE and contact_gone(invitation, parent):
            restarts.append(invitation)
    await finish(tx, steps)
    await _restart(tx, desk, restarts)


def _access(invitation: Invitation, parent: Parent) -> Transition | None:
    if parent.removed:
        return transitions.block(invitation, "removed")
    if not parent.has_access:
        return transitions.block(invitation, "no_access")
    if invitation.status is InvitationStatus.BLOCKED:
        return transitions.unblock(invitation)
    return None


async def _restart(tx: Transaction, desk: Desk, live: Collection[Invitation]) -> None:
    """The address is another one: old links die at once and the new address is verified; without one they just die."""
    orders = [
        Order(one.school_id, one.parent_id, Wish(Origin.CONTACT_CHANGE, one.channel), None) for one in live
    ]
    results = await invite(tx, desk, orders)
    dead = [one for one in live if isinstance(results[one.parent_id], Stop)]
    await finish(tx, [Step(transitions.drop(one), detail="contact_removed") for one in dead])
