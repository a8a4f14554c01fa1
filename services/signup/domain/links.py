"""Links in messages, and the submissions that parents make on the pages behind them.

A link is genuine when the digest of its token is stored. Its state follows from the replica of the invitation and from
the clock. No state is stored per link, so a new generation invalidates all older links at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.contracts.values import RefusalReason


class Purpose(StrEnum):
    """Purpose of a link: to verify a contact, or to sign up."""

    VERIFY = "verify"
    JOIN = "join"


class InvitationState(StrEnum):
    """State of an invitation, as far as the pages need it."""

    AWAITING_VERIFICATION = "awaiting_verification"
    VERIFIED = "verified"
    INVITED = "invited"
    SIGNED_UP = "signed_up"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class LinkState(StrEnum):
    """State of a link. Submissions are possible on a live link only."""

    LIVE = "live"
    EXPIRED = "expired"
    REPLACED = "replaced"
    USED = "used"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Link:
    """A genuine link with the present state of its invitation.

    `token_digest` is the SHA-256 (hex) of its token. `generation` is the link's own, `current_generation` that of the
    invitation. `name_words` and `address_words` are hidden words of the parent record. All times are in UTC.
    """

    token_digest: str
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
    name_words: tuple[str, ...] = ()
    address_words: tuple[str, ...] = ()

    def state(self, now: datetime) -> LinkState:
        """Return the state at `now`. The link is still live at the moment of its expiry."""
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
    def is_signed_up(self) -> bool:
        """Whether the parent has signed up, through this link or through another one of the invitation."""
        return self.invitation_state is InvitationState.SIGNED_UP

    def can_be_renewed(self, state: LinkState) -> bool:
        """Return whether a parent may request a new link in place of this one, which is in `state`.

        It needs to be dead, and neither may the parent have signed up nor may the invitation be blocked.
        """
        if self.is_signed_up or self.invitation_state is InvitationState.BLOCKED:
            return False
        return state is not LinkState.LIVE

    def _is_used(self) -> bool:
        if self.purpose is Purpose.JOIN:
            return self.is_signed_up
        return self.invitation_state in (
            InvitationState.VERIFIED,
            InvitationState.INVITED,
            InvitationState.SIGNED_UP,
        )


class SubmissionState(StrEnum):
    """State of a submission: waiting for the decision of the invitations service, or decided."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Submission:
    """A verification or a sign-up on a link. A sign-up has the `account_id` of the account that it reserves."""

    submission_id: UUID
    purpose: Purpose
    invitation_id: UUID
    generation: int
    school_id: UUID
    parent_id: UUID
    account_id: UUID | None
    state: SubmissionState
    reason: RefusalReason | None
    submitted_at: datetime


def new_submission(link: Link, submission_id: UUID, account_id: UUID | None, now: datetime) -> Submission:
    """Return a pending submission on the link, made at `now`."""
    return Submission(
        submission_id=submission_id,
        purpose=link.purpose,
        invitation_id=link.invitation_id,
        generation=link.generation,
        school_id=link.school_id,
        parent_id=link.parent_id,
        account_id=account_id,
        state=SubmissionState.PENDING,
        reason=None,
        submitted_at=now,
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision against a submission."""

    submission_id: UUID
    reason: RefusalReason
