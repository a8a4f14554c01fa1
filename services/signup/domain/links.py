"""What a link is worth at a moment.

A link is genuine when its digest is on file. Its state follows from the invitation's copy and the clock; nothing is
stored per link, so a newer generation kills all older links at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Purpose(StrEnum):
    """What a link is for: to confirm an address, or to sign up."""

    VERIFY = "verify"
    JOIN = "join"


class InvitationState(StrEnum):
    """The life of an invitation as far as the pages must know it."""

    AWAITING_VERIFICATION = "awaiting_verification"
    VERIFIED = "verified"
    INVITED = "invited"
    SIGNED_UP = "signed_up"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class LinkState(StrEnum):
    """What the page behind a link says. Only a live link does anything."""

    LIVE = "live"
    EXPIRED = "expired"
    REPLACED = "replaced"
    USED = "used"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Link:
    """A genuine link with its invitation's present state. Times are the database's, in UTC."""

    purpose: Purpose
    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    generation: int
    expires_at: datetime
    current_generation: int
    invitation_state: InvitationState
    school_name: str | None = None
    language: str | None = None

    def state(self, now: datetime) -> LinkState:
        """The state at `now`. The last moment counts as live (submitted_at <= expires_at)."""
        if self.generation < self.current_generation:
            return LinkState.REPLACED
        if self._is_used():
            return LinkState.USED
        if self.invitation_state in (InvitationState.WITHDRAWN, InvitationState.BLOCKED):
            return LinkState.WITHDRAWN
        if self.invitation_state is InvitationState.EXPIRED or now > self.expires_at:
            return LinkState.EXPIRED
        return LinkState.LIVE

    @property
    def signed_up(self) -> bool:
        """Whether somebody has signed up on the invitation, by this link or a newer one."""
        return self.invitation_state is InvitationState.SIGNED_UP

    def offers_fresh(self, state: LinkState) -> bool:
        """Whether the page of a link in `state` offers a fresh one: it is dead, nobody signed up, access is left."""
        if self.signed_up or self.invitation_state is InvitationState.BLOCKED:
            return False
        return state is not LinkState.LIVE

    def _is_used(self) -> bool:
        if self.purpose is Purpose.JOIN:
            return self.signed_up
        return self.invitation_state in (
            InvitationState.VERIFIED,
            InvitationState.INVITED,
            InvitationState.SIGNED_UP,
        )
