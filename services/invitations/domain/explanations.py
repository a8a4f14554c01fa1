"""Texts for staff: the action offered for a parent, the reason of the status, and the next step."""

from __future__ import annotations

from typing import assert_never

from services.invitations.domain.models import LIVE, UNDELIVERABLE, DenialReason, Invitation
from shared.contracts.values import Channel, Delivery, InvitationStatus

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


def reason(invitation: Invitation | None) -> str:
    """Return the reason of the parent's status; a delivery problem of the last message takes precedence."""
    if invitation is not None and _is_being_completed(invitation):
        return "The parent has filled in the form; the account is being opened."
    if invitation is not None and _undeliverable(invitation):
        ending = f": {invitation.delivery_reason}" if invitation.delivery_reason else "."
        return f"The last message could not be delivered{ending}"
    if invitation is not None and invitation.status in LIVE and invitation.delivery_reason:
        return f"The last message has not been delivered yet: {invitation.delivery_reason}"
    return _REASONS[invitation.status if invitation else InvitationStatus.NOT_INVITED]


def next_step(invitation: Invitation | None) -> str:
    """Return what staff can do to bring the parent closer to an account."""
    if invitation is not None and _undeliverable(invitation):
        if invitation.delivery is Delivery.SUPPRESSED:
            return "Invite the parent by another channel."
        return "Correct the address, or re-invite the parent."
    return _NEXT_STEPS[invitation.status if invitation else InvitationStatus.NOT_INVITED]


def explain_denial(reason: DenialReason) -> str:
    """Return the sentence for staff about a parent who was not invited."""
    return _DENIALS[reason]


def explain_unconfigured(channel: Channel) -> str:
    """Return the sentence for a channel that this installation cannot use."""
    name = "WhatsApp" if channel is Channel.WHATSAPP else channel.value.upper()
    return f"{name} is not set up on this installation. Use e-mail, or ask the operator to set {name} up."


def _is_being_completed(invitation: Invitation) -> bool:
    return invitation.status is InvitationStatus.SIGNED_UP and invitation.signed_up_at is None


def _undeliverable(invitation: Invitation) -> bool:
    return invitation.delivery in UNDELIVERABLE and action(invitation.status) == ACTION_REINVITE


_REASONS = {
    InvitationStatus.NOT_INVITED: "Nobody has invited this parent yet.",
    InvitationStatus.AWAITING_VERIFICATION: "The parent has been asked to confirm the address.",
    InvitationStatus.INVITED: "The address is confirmed and the invitation is out.",
    InvitationStatus.SIGNED_UP: "The parent has an account.",
    InvitationStatus.DECLINED: "The parent does not want an account.",
    InvitationStatus.EXPIRED: "The invitation was not used in time.",
    InvitationStatus.WITHDRAWN: "The invitation was taken back.",
    InvitationStatus.BLOCKED: "There is no child left that this parent may see.",
}
_NEXT_STEPS = {
    InvitationStatus.NOT_INVITED: "Invite the parent.",
    InvitationStatus.AWAITING_VERIFICATION: "Wait for the parent to open the message, or re-invite.",
    InvitationStatus.INVITED: "Wait for the parent to sign up, or re-invite.",
    InvitationStatus.SIGNED_UP: "Nothing to do.",
    InvitationStatus.DECLINED: "Nothing to do.",
    InvitationStatus.EXPIRED: "Re-invite the parent.",
    InvitationStatus.WITHDRAWN: "Re-invite the parent.",
    InvitationStatus.BLOCKED: "Link the parent to a child first.",
}
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
