"""Texts for staff: the action offered for a parent, the reason of the status, and the next step."""

from __future__ import annotations

from datetime import UTC
from typing import assert_never

from services.invitations.domain.models import DenialReason, Invitation
from shared.contracts.explanations import CHANNEL_NAMES, Explanation, StatusDetails, explain
from shared.contracts.quiet_hours import zone_of
from shared.contracts.values import Channel, InvitationStatus

ACTION_INVITE = "Invite"
ACTION_REINVITE = "Re-Invite"
SIGNED_UP = "Signed Up"


def action(status: InvitationStatus) -> str | None:
    """Return the action offered under the parent's name: Invite, Re-Invite or Signed Up; None if there is none."""
    match status:
        case InvitationStatus.NOT_INVITED:
            return ACTION_INVITE
        case (
            InvitationStatus.AWAITING_VERIFICATION
            | InvitationStatus.INVITED
            | InvitationStatus.EXPIRED
            | InvitationStatus.WITHDRAWN
        ):
            return ACTION_REINVITE
        case InvitationStatus.SIGNED_UP:
            return SIGNED_UP
        case InvitationStatus.DECLINED | InvitationStatus.BLOCKED:
            return None
        case _:
            assert_never(status)


def public_status(invitation: Invitation) -> InvitationStatus:
    """Return the status that staff and API clients see: signed up once the account is active, invited until then.

    The dashboard shows the same word at the same moment. The stored status changes already with the acceptance, which
    ends every link and every further invitation.
    """
    return InvitationStatus.INVITED if _is_being_completed(invitation) else invitation.status


def offered_action(invitation: Invitation) -> str | None:
    """Return the action offered for an invitation; None while the parent's account is being opened."""
    return None if _is_being_completed(invitation) else action(invitation.status)


def explain_invitation(invitation: Invitation, timezone: str, *, opted_out: bool = False) -> Explanation:
    """Return the reason of the parent's status and the next step, with times in the school's IANA time zone.

    `opted_out` is whether the address takes no more messages on the channel of the last message.
    """
    return explain(
        StatusDetails(
            status=public_status(invitation),
            zone=zone_of(timezone),
            state_reason=invitation.blocked_reason,
            delivery=invitation.delivery,
            delivery_reason=invitation.delivery_reason,
            delivery_at=invitation.send_at,
            channel=invitation.channel.value,
            expires_at=invitation.expires_at,
            signed_up_at=invitation.signed_up_at,
            is_accepted=_is_being_completed(invitation),
            opted_out=opted_out,
        )
    )


def explain_not_invited(*, reachable: bool) -> Explanation:
    """Return the reason and the next step for a parent who was never invited."""
    return explain(StatusDetails(status=InvitationStatus.NOT_INVITED, zone=UTC, reachable=reachable))


def explain_denial(reason: DenialReason) -> str:
    """Return the sentence for staff about a parent who was not invited."""
    return _DENIALS[reason]


def explain_unconfigured(channel: Channel) -> str:
    """Return the sentence for a channel that this installation cannot use."""
    name = CHANNEL_NAMES.get(channel.value, channel.value)
    return f"{name} is not set up on this installation. Use e-mail, or ask the operator to set {name} up."


def _is_being_completed(invitation: Invitation) -> bool:
    return invitation.status is InvitationStatus.SIGNED_UP and invitation.signed_up_at is None


_DENIALS = {
    DenialReason.SIGNED_UP: "The parent has already signed up.",
    DenialReason.DECLINED: "The parent has declined; the school may not ask again.",
    DenialReason.OPTED_OUT: "The address takes no more messages from the school.",
    DenialReason.NO_CONTACT: "The parent has no address for this channel.",
    DenialReason.COOL_DOWN: "The parent had a message a short while ago.",
    DenialReason.RESTRICTED: "There is no child that this parent may see.",
    DenialReason.NOT_KNOWN_YET: "The parent has not arrived here yet. Try again in a moment.",
    DenialReason.REMOVED: "The parent is no longer on the roster.",
    DenialReason.NO_CREDENTIALS: (
        "The school issues usernames, and none is ready for this parent. Prepare the credentials first."
    ),
    DenialReason.MESSAGE_CAP: "This address has had all its messages. Give a reason to send one more.",
    DenialReason.TOO_SOON: "The parent was re-invited less than a minute ago.",
}
