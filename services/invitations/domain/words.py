"""What staff read: the action on a parent's row, the reason, and the next step, in plain words."""

from __future__ import annotations

from typing import assert_never

from services.invitations.domain.models import Invitation
from services.invitations.domain.states import LIVE, STOPPED, Channel, Delivery, Hindrance, InvitationStatus

ACTION_INVITE = "Invite"
ACTION_REINVITE = "Re-Invite"
SIGNED_UP = "Signed Up"


def action(status: InvitationStatus) -> str | None:
    """The word under the parent's name: Invite, Re-Invite, Signed Up, or None where nothing can be done."""
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


def reason(invitation: Invitation | None) -> str:
    """Why the parent stands where they stand."""
    if invitation is not None and _undeliverable(invitation):
        why = f": {invitation.delivery_reason}" if invitation.delivery_reason else "."
        return f"The last message could not be delivered{why}"
    if invitation is not None and invitation.status in LIVE and invitation.delivery_reason:
        return f"The last message has not been delivered yet: {invitation.delivery_reason}"
    return _REASONS[invitation.status if invitation else InvitationStatus.NOT_INVITED]


def next_step(invitation: Invitation | None) -> str:
    """What would move the parent forward."""
    if invitation is not None and _undeliverable(invitation):
        if invitation.delivery is Delivery.SUPPRESSED:
            return "Invite the parent by another channel."
        return "Correct the address, or re-invite the parent."
    return _NEXT_STEPS[invitation.status if invitation else InvitationStatus.NOT_INVITED]


def hindrance(why: Hindrance) -> str:
    """Why a parent was not invited, for staff."""
    return _HINDRANCES[why]


def unconfigured(channel: Channel) -> str:
    """The sentence for a channel that this installation cannot use."""
    name = "WhatsApp" if channel is Channel.WHATSAPP else channel.value.upper()
    return f"{name} is not set up on this installation. Use e-mail, or ask the operator to set {name} up."


def _undeliverable(invitation: Invitation) -> bool:
    return invitation.delivery in STOPPED and action(invitation.status) == ACTION_REINVITE


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
_HINDRANCES = {
    Hindrance.SIGNED_UP: "The parent has already signed up.",
    Hindrance.DECLINED: "The parent has declined; the school may not ask again.",
    Hindrance.OPTED_OUT: "The address takes no more messages from the school.",
    Hindrance.NO_CONTACT: "The parent has no address for this channel.",
    Hindrance.COOL_DOWN: "The parent had a message a short while ago.",
    Hindrance.RESTRICTED: "There is no child that this parent may see.",
    Hindrance.NOT_KNOWN_YET: "The parent has not arrived here yet. Try again in a moment.",
    Hindrance.REMOVED: "The parent is no longer on the roster.",
    Hindrance.NO_CREDENTIALS: (
        "The school issues usernames, and none is ready for this parent. Prepare the credentials first."
    ),
    Hindrance.MESSAGE_CAP: "This address has had all its messages. Give a reason to send one more.",
    Hindrance.TOO_SOON: "The parent was re-invited less than a minute ago.",
}
