"""Events in the life of an invitation. Each parent has one invitation per school; re-inviting raises `generation`."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from shared.contracts.bounds import Digest, Moment, Reason
from shared.contracts.message import Generation, Message, contract
from shared.contracts.roster import Channel
from shared.contracts.topics import INVITATIONS_INVITATION

RefusalReason = Literal["expired", "replaced", "used", "withdrawn", "no_access"]


class _InvitationEvent(Message):
    invitation_id: UUID
    parent_id: UUID
    generation: Generation


class _LinkEvent(_InvitationEvent):
    """Event: a message with a link is being sent. `token_digest` is the SHA-256 (hex) of the link's token.

    `send_at`: the message is deferred until then, because of quiet hours.
    """

    channel: Channel
    contact_id: UUID
    message_id: UUID
    token_digest: Digest
    expires_at: Moment
    send_at: Moment | None = None


@contract(
    "invitations.invitation.verification_requested.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="staff invite or re-invite a parent whose address is not verified",
)
class VerificationRequested(_LinkEvent):
    """The parent is asked to confirm the address. Every earlier link is dead."""


@contract(
    "invitations.invitation.contact_verified.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="the parent pressed the button behind the verification link",
)
class ContactVerified(_InvitationEvent):
    """The parent has confirmed the address."""

    contact_id: UUID
    verified_at: Moment
    submission_id: UUID | None = None


@contract(
    "invitations.invitation.issued.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="an address was verified, or a parent with a verified address is invited",
)
class InvitationIssued(_LinkEvent):
    """The parent is invited to sign up."""


@contract(
    "invitations.invitation.accepted.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="a sign-up was submitted on a live invitation",
)
class InvitationAccepted(_InvitationEvent):
    """The link is used and the sign-up may complete."""

    submission_id: UUID
    accepted_at: Moment


@contract(
    "invitations.invitation.refused.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="a verification or sign-up was submitted on a dead link",
)
class InvitationRefused(_InvitationEvent):
    """A submission was refused. The invitation itself is unchanged."""

    submission_id: UUID
    reason: RefusalReason


@contract(
    "invitations.invitation.expired.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="the week is over and nobody signed up",
)
class InvitationExpired(_InvitationEvent):
    """The validity period of the invitation has ended."""

    expired_at: Moment


@contract(
    "invitations.invitation.withdrawn.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="staff withdraw an invitation",
)
class InvitationWithdrawn(_InvitationEvent):
    """Staff withdrew the invitation. Its links are dead."""

    withdrawn_at: Moment


@contract(
    "invitations.invitation.blocked.v1",
    topic=INVITATIONS_INVITATION,
    key="invitation_id",
    triggered_by="the parent was removed or has no right of access left",
)
class InvitationBlocked(_InvitationEvent):
    """The parent may see no child any more. The links are dead."""

    reason: Reason
