"""Families as the rules see them."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.invitations.domain.models import (
    Contact,
    Invitation,
    LastMessage,
    Limits,
    Link,
    Parent,
    School,
    Stamp,
    Transition,
    Week,
)
from services.invitations.domain.rules import Family, Go, Wish, decide
from services.invitations.domain.states import Channel, Origin, Purpose
from services.invitations.domain.transitions import Target, start

NOW = datetime(2030, 9, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
LIMITS = Limits()
SCHOOL = School(UUID(int=1), "Lindenschule", "de", "Europe/Berlin")


def seal(purpose: Purpose, invitation_id: UUID, generation: int) -> Link:
    """A link whose digest tells its three parts apart."""
    return Link("k1", hashlib.sha256(f"{purpose} {invitation_id} {generation}".encode()).hexdigest())


def stamp(now: datetime = NOW) -> Stamp:
    return Stamp(now, uuid4(), seal)


def email(address: str = "ada@example.org", *, verified: bool = False, preferred: bool = True) -> Contact:
    return Contact(uuid4(), "email", address, preferred, verified)


def parent(*contacts: Contact, has_access: bool = True, removed: bool = False) -> Parent:
    return Parent(
        uuid4(), SCHOOL.school_id, "Ada Lovelace", "en", contacts, has_access=has_access, removed=removed
    )


def family(*contacts: Contact, invitation: Invitation | None = None) -> Family:
    return Family(parent(*(contacts or (email(),))), SCHOOL, invitation)


def invited(
    about: Family, *, now: datetime = NOW, origin: Origin = Origin.STAFF, verified: bool = False
) -> Transition:
    """The parent invited, or invited again, whatever the brakes say."""
    contact = about.parent.contacts[0]
    target = Target(
        uuid4(),
        about.parent.parent_id,
        about.school,
        contact,
        Channel.EMAIL,
        verified=verified,
        origin=origin,
    )
    return start(about.invitation, target, stamp(now))


def last_message() -> LastMessage:
    """Of an invitation that was made now."""
    made = invited(family()).invitation
    return LastMessage(
        made.invitation_id,
        made.school_id,
        made.parent_id,
        made.message_id,
        made.delivery,
        made.delivery_reason,
        reminds=made.next_reminder_at is not None,
    )


def week() -> Week:
    """Of an invitation that was made now."""
    made = invited(family()).invitation
    whose = (made.invitation_id, made.school_id, made.parent_id, made.generation)
    return Week(*whose, made.version, made.status, made.expires_at)


def may(about: Family, wish: Wish, now: datetime = NOW) -> str:
    """`go`, or the hindrance."""
    decision = decide(about, wish, LIMITS, now)
    return "go" if isinstance(decision, Go) else decision.hindrance.value
