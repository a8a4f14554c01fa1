"""Inviting parents, one or hundreds: the same few statements for any number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.invitations.domain.models import Happening, Invitation
from services.invitations.domain.quiet import Night, held_until
from services.invitations.domain.rules import Family, Stop, Wish, decide, way_of
from services.invitations.domain.states import Hindrance, Origin
from services.invitations.domain.transitions import Target, start
from services.invitations.service.desk import Desk
from services.invitations.service.steps import Addressee, Step, finish
from services.invitations.storage import families, marks
from shared.runtime.core import new_id
from shared.runtime.database import FirstStatement, Transaction
from shared.runtime.messaging import Lane

UNKNOWN = Stop(Hindrance.NOT_KNOWN_YET)
_QUIET = frozenset({Origin.STAFF, Origin.BULK})


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody wants this parent of this school invited."""

    school_id: UUID
    parent_id: UUID
    wish: Wish
    actor: str | None = None


async def invite(
    tx: Transaction, desk: Desk, orders: Sequence[Order], lane: Lane = Lane.SINGLE
) -> dict[UUID, Invitation | Stop]:
    """Invite these parents (one order each) or say why not. Parents are locked first, then their invitations."""
    if not orders:
        return {}
    known = await families.claim(tx, [order.parent_id for order in orders])
    return await _carry_out(tx, desk, orders, known, lane)


def opening(order: Order) -> FirstStatement:
    """How a transaction begins in which `invite_one` carries out this order: all that it asks is known then."""
    return families.opening(order.parent_id)


async def invite_one(tx: Transaction, desk: Desk, order: Order) -> Invitation | Stop:
    """Invite the parent of the order with whose `opening` the transaction began, or say why not."""
    results = await _carry_out(tx, desk, [order], families.claimed(tx), Lane.SINGLE)
    return results[order.parent_id]


async def _carry_out(
    tx: Transaction, desk: Desk, orders: Sequence[Order], known: Mapping[UUID, Family], lane: Lane
) -> dict[UUID, Invitation | Stop]:
    results: dict[UUID, Invitation | Stop] = {}
    steps = []
    for order in orders:
        family = known.get(order.parent_id)
        if family is None or family.parent.school_id != order.school_id:
            results[order.parent_id] = UNKNOWN
            continue
        result = _one(tx, desk, family, order)
        steps.extend([result] if isinstance(result, Step) else [])
        results[order.parent_id] = result.invitation if isinstance(result, Step) else result
    await finish(tx, steps, lane)
    await _note_hindrances(tx, orders, results)
    return results


async def find_families(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Family]:
    """What is known about these parents, nothing locked; those whose school has not arrived are left out."""
    return await families.find(tx, parent_ids)


def _one(tx: Transaction, desk: Desk, family: Family, order: Order) -> Step | Stop:
    wish = way_of(family, order.wish, desk.channels)
    decision = decide(family, wish, desk.limits, tx.now)
    if isinstance(decision, Stop):
        return decision
    night = Night(family.school, desk.limits.quiet)
    quiet = None if wish.origin is Origin.PARENT else night.hours(wish.channel)
    target = Target(
        invitation_id=new_id(),
        parent_id=family.parent.parent_id,
        school=family.school,
        contact=decision.contact,
        channel=wish.channel,
        verified=decision.verified,
        origin=wish.origin,
        send_at=held_until(night, wish.channel, wish.origin, tx.now),
    )
    return Step(
        start(family.invitation, target, desk.stamp(tx.now)),
        to=Addressee(family.parent, decision.contact, family.school, quiet),
        actor=order.actor,
        detail=_detail(family, order, tx.now - desk.limits.cool_down),
    )


def _detail(family: Family, order: Order, cooled_at: datetime) -> str:
    """Who asked; for staff also that they repeated it within the cool-down, or why they went over the cap."""
    origin = order.wish.origin
    if order.wish.override_reason:
        return f"{origin.value}: {order.wish.override_reason}"
    present = family.invitation
    early = origin is Origin.STAFF and present is not None and present.last_message_at > cooled_at
    return f"{origin.value}: within_cool_down" if early else origin.value


async def _note_hindrances(
    tx: Transaction, orders: Sequence[Order], results: dict[UUID, Invitation | Stop]
) -> None:
    """Where nobody reads an answer, the timeline says why no message went out."""
    notes = []
    for order in orders:
        result = results[order.parent_id]
        if isinstance(result, Stop) and order.wish.origin not in _QUIET:
            detail = f"{order.wish.origin.value}: {result.hindrance.value}"
            notes.append(Happening(order.parent_id, order.school_id, "not_invited", detail, order.actor))
    await marks.record(tx, notes)
