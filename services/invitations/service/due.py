"""What time brings: expiries, announced once and never early, reminders, and the morning after quiet hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from services.invitations.domain import transitions
from services.invitations.domain.models import Contact, Invitation
from services.invitations.domain.quiet import Night
from services.invitations.domain.rules import Family, choose_contact, contact_gone, may_remind, usage_of
from services.invitations.domain.states import LIVE
from services.invitations.service.desk import Desk
from services.invitations.service.invite import find_families
from services.invitations.service.steps import Addressee, Step, finish
from services.invitations.service.wording import expired
from services.invitations.storage import invitations as rows
from services.invitations.storage import weeks
from shared.runtime.database import FirstStatement, Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit


@dataclass(frozen=True, slots=True)
class Expired:
    """What a look for weeks that are over has found. `next_in`: when the next one will be over; None: there is none."""

    count: int
    next_in: timedelta | None


def overdue(limit: int) -> FirstStatement:
    """How a transaction begins in which up to `limit` expiries are announced."""
    return weeks.opening(limit)


async def expire(tx: Transaction) -> Expired:
    """Announce the expiries that the transaction began with. Nothing depends on it: use is checked on use."""
    over, next_in = weeks.claimed(tx)
    done = [week for one in over if (week := transitions.expire(one, tx.now)) is not None]
    if done:
        await weeks.save(tx, done)
        await emit(
            tx, *(OutboxMessage(expired(one), one.school_id, one.version) for one in done), lane=Lane.BULK
        )
    return Expired(len(over), next_in)


async def remind(tx: Transaction, desk: Desk, limit: int) -> bool:
    """Send up to `limit` reminders that are due; True when there may be more."""
    due = await rows.claim_reminders(tx, tx.now, limit)
    if not due:
        return False
    families = await find_families(tx, {one.parent_id for one in due})
    steps = [_remind_one(tx, desk, one, families[one.parent_id]) for one in due]
    await finish(tx, steps, Lane.BULK)
    return len(due) == limit


def _remind_one(tx: Transaction, desk: Desk, invitation: Invitation, family: Family) -> Step:
    """A reminder repeats the link; it is dropped for good where no message may go to the address any more."""
    contact = choose_contact(family.parent, invitation.channel, invitation.contact_id)
    if contact is None or _closed(family, contact, invitation, desk) or not may_remind(invitation, tx.now):
        return Step(transitions.without_reminders(invitation))
    night = Night(family.school, desk.limits.quiet)
    morning = night.ends(invitation.channel, tx.now)
    if morning is not None:
        return Step(transitions.hold(invitation, morning))
    transition = transitions.remind(invitation, family.school, desk.stamp(tx.now), desk.limits.cool_down)
    quiet = night.hours(invitation.channel)
    return Step(transition, to=Addressee(family.parent, contact, family.school, quiet))


def _closed(family: Family, contact: Contact, invitation: Invitation, desk: Desk) -> bool:
    """May no further message go to this address?"""
    usage = usage_of(family.usages, contact)
    capped = usage is not None and usage.messages >= desk.limits.message_cap
    stopped = (invitation.channel, contact.address_digest) in family.opted_out
    return capped or stopped or not _open(family, invitation)


def _open(family: Family, invitation: Invitation) -> bool:
    parent = family.parent
    return parent.has_access and not parent.removed and not contact_gone(invitation, parent)


async def release(tx: Transaction, desk: Desk, limit: int) -> bool:
    """Send up to `limit` messages that waited for the end of quiet hours; True when there may be more."""
    due = await rows.claim_held(tx, tx.now, limit)
    if not due:
        return False
    families = await find_families(tx, {one.parent_id for one in due})
    await finish(tx, [_release_one(tx, desk, one, families[one.parent_id]) for one in due], Lane.BULK)
    return len(due) == limit


def _release_one(tx: Transaction, desk: Desk, invitation: Invitation, family: Family) -> Step:
    """Who was withdrawn or lost the address in the night gets nothing in the morning.

    Where nothing ran in the morning and it is night again, the message waits for the next one.
    """
    contact = choose_contact(family.parent, invitation.channel, invitation.contact_id)
    if contact is None or invitation.status not in LIVE or not _open(family, invitation):
        return Step(transitions.let_go(invitation))
    night = Night(family.school, desk.limits.quiet)
    morning = night.ends(invitation.channel, tx.now)
    if morning is not None:
        return Step(transitions.wait(invitation, morning))
    to = Addressee(family.parent, contact, family.school, night.hours(invitation.channel))
    return Step(transitions.release(invitation, tx.now), to=to)
