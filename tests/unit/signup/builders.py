"""Builders of links and of their invitations in the storage in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from services.signup.domain.links import InvitationState, Link, Purpose
from services.signup.domain.replicas import Invitation, IssuedLink
from tests.unit.signup.memory_storage import NOW, MemoryStorage

STATES = {
    Purpose.VERIFY: InvitationState.AWAITING_VERIFICATION,
    Purpose.JOIN: InvitationState.INVITED,
}


def store_link(storage: MemoryStorage, purpose: Purpose, *, generation: int = 1) -> Link:
    """Store a link of a new invitation and return it. It is live until a week after `NOW`."""
    link = Link(
        token_digest=uuid4().hex,
        purpose=purpose,
        invitation_id=uuid4(),
        school_id=uuid4(),
        parent_id=uuid4(),
        generation=generation,
        expires_at=NOW + timedelta(days=7),
        current_generation=generation,
        invitation_state=STATES[purpose],
    )
    issued = IssuedLink(link.token_digest, link.invitation_id, generation, link.expires_at)
    storage.invitations.links[link.token_digest] = (purpose, issued)
    storage.invitations.saved[link.invitation_id] = invitation_of(link, link.invitation_state)
    return link


def invitation_of(link: Link, state: InvitationState, *, version: int = 1) -> Invitation:
    """Return the invitation of the link, in this state and in the generation of the link."""
    return Invitation(link.invitation_id, link.school_id, link.parent_id, version, link.generation, state)


def set_state(storage: MemoryStorage, link: Link, state: InvitationState) -> None:
    """Change the state of the link's invitation."""
    invitations = storage.invitations.saved
    invitations[link.invitation_id] = replace(invitations[link.invitation_id], state=state)
