"""Builders of the values that the invitation rules take."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.invitations.domain.models import (
    Contact,
    ExpiryWindow,
    Invitation,
    InvitationPolicy,
    LastMessage,
    Limits,
    Link,
    Origin,
    Parent,
    Purpose,
    School,
    Transition,
    TransitionInputs,
)
from services.invitations.domain.rules import Allowed, Invitee, InviteRequest, decide
from services.invitations.domain.transitions import Target, start_generation
from shared.contracts.values import Channel, ContactKind

NOW = datetime(2030, 9, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LIMITS = Limits()
SCHOOL = School(UUID(int=1), "Lindenschule", "de", "Europe/Berlin")


def derive_link(purpose: Purpose, invitation_id: UUID, generation: int) -> Link:
    """Return a link whose digest depends on all three parts."""
    return Link("k1", hashlib.sha256(f"{purpose} {invitation_id} {generation}".encode()).hexdigest())


def inputs(now: datetime = NOW) -> TransitionInputs:
    """Return the inputs of a transition at `now`."""
    return TransitionInputs(now, uuid4(), derive_link)


def email(address: str = "ada@example.org", *, verified: bool = False, preferred: bool = True) -> Contact:
    """Return an e-mail contact."""
    return Contact(uuid4(), ContactKind.EMAIL, address, preferred, verified)


def phone(number: str = "+4915112345678", *, preferred: bool = True) -> Contact:
    """Return a phone contact."""
    return Contact(uuid4(), ContactKind.PHONE, number, preferred)


def parent(*contacts: Contact, has_access: bool = True, removed: bool = False) -> Parent:
    """Return a parent of `SCHOOL` with exactly these contacts."""
    return Parent(
        uuid4(), SCHOOL.school_id, "Ada Lovelace", "en", contacts, has_access=has_access, removed=removed
    )


def invitee(*contacts: Contact, invitation: Invitation | None = None) -> Invitee:
    """Return an invitee with these contacts, or with one e-mail address."""
    return Invitee(parent(*(contacts or (email(),))), SCHOOL, invitation)


def invite(
    candidate: Invitee,
    *,
    now: datetime = NOW,
    origin: Origin = Origin.STAFF,
    verified: bool = False,
    send_at: datetime | None = None,
) -> Transition:
    """Return the transition that invites or re-invites the parent, whatever the rate limits are."""
    target = Target(
        uuid4(),
        candidate.parent.parent_id,
        candidate.school,
        candidate.parent.contacts[0],
        Channel.EMAIL,
        verified=verified,
        origin=origin,
        send_at=send_at,
    )
    return start_generation(candidate.invitation, target, inputs(now))


def invitation(*, verified: bool = False) -> Invitation:
    """Return a first invitation that was sent at `NOW`."""
    return invite(invitee(), verified=verified).invitation


def invited(candidate: Invitee | None = None) -> Invitee:
    """Return the invitee with a first invitation that was sent at `NOW`."""
    candidate = candidate or invitee()
    return replace(candidate, invitation=invite(candidate).invitation)


def present(candidate: Invitee) -> Invitation:
    """Return the invitation of an invitee that has one."""
    assert candidate.invitation is not None
    return candidate.invitation


def last_message() -> LastMessage:
    """Return the last message of an invitation that was sent at `NOW`."""
    state = invitation()
    return LastMessage(
        state.invitation_id,
        state.school_id,
        state.parent_id,
        state.message_id,
        state.delivery,
        state.delivery_reason,
        reminds=state.next_reminder_at is not None,
    )


def expiry_window() -> ExpiryWindow:
    """Return the validity period of an invitation that was sent at `NOW`."""
    state = invitation()
    return ExpiryWindow(
        state.invitation_id,
        state.school_id,
        state.parent_id,
        state.generation,
        state.version,
        state.status,
        state.expires_at,
    )


def verdict(candidate: Invitee, request: InviteRequest, now: datetime = NOW) -> str:
    """Return `allowed`, or the reason of the denial."""
    decision = decide(candidate, request, LIMITS, now)
    return "allowed" if isinstance(decision, Allowed) else decision.reason.value


def policy(**limits: Any) -> InvitationPolicy:
    """Return a policy that can send on every channel; `limits` by field name."""
    return InvitationPolicy(replace(LIMITS, **limits), frozenset(Channel), derive_link, uuid4)
