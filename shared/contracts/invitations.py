"""Facts of an invitation's life. One invitation per parent of a school; `generation` grows with every re-invite."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.contracts.message import Generation, Message, contract
from shared.contracts.roster import Channel
from shared.contracts.topics import INVITATIONS_INVITATION

RefusalReason = Literal["expired", "replaced", "used", "withdrawn", "no_access"]


class _InvitationFact(Message):
    invitation_id: UUID
    parent_id: UUID
    generation: Generation


class _LinkFact(_InvitationFact):
    """A message with a link is on its way. `token_digest` is the SHA-256 (hex) of the link's token.

    `send_at`: the message waits until then, because of quiet hours.
    """

    channel: Channel
    contact_id: UUID
    message_id: UUID
    token_digest: str
    expires_at: datetime
    send_at: datetime | None = None


@contract(
    "invitations.invitation.verification_requested.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="staff invite or re-invite a parent whose address is not verified",
)
class VerificationRequested(_LinkFact):
    """The parent is asked to confirm the address; every earlier link is dead."""


@contract(
    "invitations.invitation.contact_verified.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="the parent pressed the button behind the verification link",
)
class ContactVerified(_InvitationFact):
    """The address belongs to the parent."""

    contact_id: UUID
    verified_at: datetime
    submission_id: UUID | None = None


@contract(
    "invitations.invitation.issued.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="an address was verified, or a parent with a verified address is invited",
)
class InvitationIssued(_LinkFact):
    """The invitation proper is on its way."""


@contract(
    "invitations.invitation.accepted.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="a sign-up was submitted on a live invitation",
)
class InvitationAccepted(_InvitationFact):
    """The sign-up may complete; the link is used."""

    submission_id: UUID
    accepted_at: datetime


@contract(
    "invitations.invitation.refused.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="a verification or sign-up was submitted on a dead link",
)
class InvitationRefused(_InvitationFact):
    """The submission is refused; the invitation itself stays as it was."""

    submission_id: UUID
    reason: RefusalReason


@contract(
    "invitations.invitation.expired.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="the week is over and nobody signed up",
)
class InvitationExpired(_InvitationFact):
    """The invitation's time is over."""

    expired_at: datetime


@contract(
    "invitations.invitation.withdrawn.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="staff withdraw an invitation",
)
class InvitationWithdrawn(_InvitationFact):
    """Staff took the invitation back; its links are dead."""

    withdrawn_at: datetime


@contract(
    "invitations.invitation.blocked.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="the parent was removed or has no right of access left",
)
class InvitationBlocked(_InvitationFact):
    """No child is left that this parent may see; links are dead."""

    reason: str
