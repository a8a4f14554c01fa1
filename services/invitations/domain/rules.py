"""Who may be invited now: the hindrances of a single invitation and the skip reasons of a run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.invitations.domain.models import Contact, Invitation, Limits, Parent, School, Usage
from services.invitations.domain.states import (
    LIVE,
    STOPPED,
    Channel,
    Delivery,
    Hindrance,
    InvitationStatus,
    Origin,
    Refusal,
)


@dataclass(frozen=True, slots=True)
class Family:
    """Everything known about one parent when somebody wants to invite them."""

    parent: Parent
    school: School
    invitation: Invitation | None
    usages: tuple[Usage, ...] = ()
    opted_out: frozenset[tuple[Channel, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody wants a parent invited. No contact named: the preferred one of the channel."""

    origin: Origin
    channel: Channel = Channel.EMAIL
    contact_id: UUID | None = None
    override_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Go:
    """The invitation may go to this contact."""

    contact: Contact
    verified: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """It may not, and why; `retry_after` where waiting helps."""

    hindrance: Hindrance
    retry_after: timedelta | None = None


def decide(family: Family, wish: Wish, limits: Limits, now: datetime) -> Go | Stop:
    """May this parent be invited now, and at which address?"""
    stop = _standing(family)
    if stop is not None:
        return stop
    contact = choose_contact(family.parent, wish.channel, _named_contact(family, wish))
    if contact is None:
        return Stop(Hindrance.NO_CONTACT)
    usage = usage_of(family.usages, contact)
    stop = _pace(family.invitation, wish, limits, now) or _opted_out(family, contact, wish)
    if stop is not None:
        return stop
    if usage is not None and usage.messages >= limits.message_cap and not wish.override_reason:
        return Stop(Hindrance.MESSAGE_CAP)
    return Go(contact, contact.verified or (usage is not None and usage.verified_at is not None))


def way_of(family: Family, wish: Wish, usable: Collection[Channel]) -> Wish:
    """The wish with the way it travels.

    A fresh link goes the way the old one went. Who was added with a tick, and has no address for the usual channel, is
    written to where they can be reached.
    """
    if wish.origin is Origin.PARENT and family.invitation is not None:
        return replace(wish, channel=family.invitation.channel)
    if wish.origin is not Origin.ADDED or choose_contact(family.parent, wish.channel, wish.contact_id):
        return wish
    others = (way for way in Channel if way in usable and choose_contact(family.parent, way, wish.contact_id))
    return replace(wish, channel=next(others, wish.channel))


def choose_contact(parent: Parent, channel: Channel, contact_id: UUID | None = None) -> Contact | None:
    """The named contact, or the preferred one that the channel can reach, or the first one that it can."""
    kind = "email" if channel is Channel.EMAIL else "phone"
    reachable = [contact for contact in parent.contacts if contact.kind == kind]
    if contact_id is not None:
        reachable = [contact for contact in reachable if contact.contact_id == contact_id]
    return next((contact for contact in reachable if contact.preferred), next(iter(reachable), None))


def usage_of(usages: tuple[Usage, ...], contact: Contact) -> Usage | None:
    """What is on record for exactly this address; another address under the same id starts from nothing."""
    for usage in usages:
        if usage.contact_id == contact.contact_id and usage.address_digest == contact.address_digest:
            return usage
    return None


def contact_gone(invitation: Invitation, parent: Parent) -> bool:
    """Is the address that the live link went to no longer the parent's?"""
    return not any(
        contact.contact_id == invitation.contact_id and contact.address_digest == invitation.address_digest
        for contact in parent.contacts
    )


def may_remind(invitation: Invitation, now: datetime) -> bool:
    """A reminder needs a live link, time left, and an address that takes mail."""
    return invitation.status in LIVE and now < invitation.expires_at and invitation.delivery not in STOPPED


def refusal(invitation: Invitation, generation: int, submitted_at: datetime) -> Refusal:
    """Why a submission that was not accepted is refused."""
    found = {
        Refusal.REPLACED: invitation.generation != generation,
        Refusal.NO_ACCESS: invitation.status in {InvitationStatus.BLOCKED, InvitationStatus.DECLINED},
        Refusal.WITHDRAWN: invitation.status is InvitationStatus.WITHDRAWN,
        Refusal.USED: invitation.accepted_at is not None,
        Refusal.EXPIRED: submitted_at > invitation.expires_at,
    }
    return next((reason for reason, true in found.items() if true), Refusal.REPLACED)


def verifiable(invitation: Invitation, generation: int, submitted_at: datetime) -> bool:
    """May this submission prove the address? One made in time is good even if it is read after the week."""
    waiting = invitation.status in {InvitationStatus.AWAITING_VERIFICATION, InvitationStatus.EXPIRED}
    return (
        waiting
        and invitation.purpose == "verify"
        and invitation.generation == generation
        and submitted_at <= invitation.expires_at
    )


def _named_contact(family: Family, wish: Wish) -> UUID | None:
    """A parent who asks for a fresh link gets it where the old one went, as long as that address is on file."""
    present = family.invitation
    if wish.origin is Origin.PARENT and present is not None and not contact_gone(present, family.parent):
        return present.contact_id
    return wish.contact_id


def _standing(family: Family) -> Stop | None:
    status = family.invitation.status if family.invitation else InvitationStatus.NOT_INVITED
    if family.parent.removed:
        return Stop(Hindrance.REMOVED)
    if not family.parent.has_access:
        return Stop(Hindrance.RESTRICTED)
    if status is InvitationStatus.SIGNED_UP:
        return Stop(Hindrance.SIGNED_UP)
    if status is InvitationStatus.DECLINED:
        return Stop(Hindrance.DECLINED)
    return Stop(Hindrance.NO_CREDENTIALS) if family.school.credentials_mode == "issued" else None


def _pace(invitation: Invitation | None, wish: Wish, limits: Limits, now: datetime) -> Stop | None:
    if invitation is None:
        return None
    if wish.origin is Origin.STAFF:
        if invitation.last_reinvite_at is None:
            return None
        left = invitation.last_reinvite_at + limits.reinvite_pause - now
        return Stop(Hindrance.TOO_SOON, left) if left > timedelta(0) else None
    cooled = {
        Origin.BULK: True,
        Origin.PARENT: invitation.status is not InvitationStatus.EXPIRED,
        Origin.ADDED: invitation.status in LIVE,
    }.get(wish.origin, False)
    left = invitation.last_message_at + limits.cool_down - now
    return Stop(Hindrance.COOL_DOWN, left) if cooled and left > timedelta(0) else None


def _opted_out(family: Family, contact: Contact, wish: Wish) -> Stop | None:
    """Who answered STOP gets nothing on that channel, whoever asks; a suppression of the provider staff may try."""
    if family.opted_out and (wish.channel, contact.address_digest) in family.opted_out:
        return Stop(Hindrance.OPTED_OUT)
    invitation = family.invitation
    if invitation is None or wish.origin is Origin.STAFF or invitation.delivery is not Delivery.SUPPRESSED:
        return None
    same = invitation.address_digest == contact.address_digest
    return Stop(Hindrance.OPTED_OUT) if same else None
