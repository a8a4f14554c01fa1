"""Explanations for staff: why a parent has a status, and the next step, in the same words in every API and page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import assert_never

from shared.contracts.values import Delivery, InvitationStatus

CHANNEL_NAMES = {"email": "e-mail", "sms": "SMS", "whatsapp": "WhatsApp"}
NOTHING_TO_DO = "Nothing to do."
OPERATOR_CODES = frozenset({"not_configured", "template_missing", "token_key_unknown", "internal_error"})
"""Failure codes that only the operator of the installation can do something about."""
SUPERSEDED_CODES = frozenset({"expired"})
"""Failure codes of a message whose link was no longer valid when it was due."""
BLOCKED_REASONS = {
    "no_access": "No right of access to any child is left.",
    "no_contact": "There is no contact to send to.",
    "removed": "The parent was removed from the roster.",
}


@dataclass(frozen=True, slots=True)
class StatusDetails:
    """Everything an explanation depends on. Times are shown in the school's time zone, `zone`."""

    status: InvitationStatus
    zone: tzinfo
    state_reason: str | None = None
    state_at: datetime | None = None
    delivery: Delivery | None = None
    delivery_reason: str | None = None
    delivery_at: datetime | None = None
    delivery_code: str | None = None
    channel: str | None = None
    expires_at: datetime | None = None
    signed_up_at: datetime | None = None
    is_verified: bool = False
    """Whether the address is confirmed and the invitation is still to be sent."""
    is_accepted: bool = False
    """Whether the parent has accepted the invitation and the account is not active yet."""
    reachable: bool = True
    opted_out: bool = False
    """Whether the recipient answered STOP on the channel of the last message."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Reason and next step, about one short sentence each."""

    reason: str
    next_step: str


def format_moment(at: datetime | None, zone: tzinfo) -> str:
    """Return a time such as `21 Nov 2026, 14:05` in the given zone; an empty string for None."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def explain(details: StatusDetails) -> Explanation:
    """Return the reason and the next step of one row. The texts never name the child."""
    match details.status:
        case InvitationStatus.NOT_INVITED:
            explanation = _explain_not_invited(details)
        case InvitationStatus.SIGNED_UP:
            signed_up_at = format_moment(details.signed_up_at, details.zone)
            explanation = Explanation(f"Signed up on {signed_up_at}.", NOTHING_TO_DO)
        case InvitationStatus.DECLINED:
            explanation = Explanation("The parent declined the invitation.", "Speak with the family first.")
        case InvitationStatus.WITHDRAWN:
            explanation = Explanation(
                "The office withdrew the invitation.", "Re-Invite when the time has come."
            )
        case InvitationStatus.BLOCKED:
            reason = BLOCKED_REASONS.get(details.state_reason or "", BLOCKED_REASONS["no_access"])
            explanation = Explanation(reason, "Give access to a child first; then the parent can be invited.")
        case InvitationStatus.EXPIRED:
            explanation = _explain_expired(details)
        case InvitationStatus.AWAITING_VERIFICATION | InvitationStatus.INVITED:
            explanation = _explain_pending(details)
        case _:
            assert_never(details.status)
    return explanation


def contact_noun(channel: str | None) -> str:
    """Return what to correct when a message of the channel cannot be delivered, such as "phone number"."""
    return {"email": "e-mail address", "sms": "phone number", "whatsapp": "phone number"}.get(
        channel or "", "postal address" if channel == "paper" else "contact"
    )


def _explain_not_invited(details: StatusDetails) -> Explanation:
    if not details.reachable:
        return Explanation("There is no e-mail address or phone number on file.", "Add one, then invite.")
    return Explanation("Not invited yet.", "Invite this parent.")


def _explain_expired(details: StatusDetails) -> Explanation:
    expired_at = format_moment(details.state_at or details.expires_at, details.zone)
    if details.delivery in (Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED):
        failure = _explain_failure(details)
        return Explanation(f"{failure.reason} The invitation expired on {expired_at}.", failure.next_step)
    return Explanation(f"The invitation expired on {expired_at}, unused.", "Re-Invite to send a fresh link.")


def _explain_failure(details: StatusDetails) -> Explanation:
    noun = contact_noun(details.channel)
    if details.delivery is Delivery.SUPPRESSED:
        return Explanation(
            f"This {noun} takes no more messages from us.",
            "Ask the family for another contact, or Re-Invite another way.",
        )
    return Explanation(f"The message could not be delivered{_because(details)}.", _choose_remedy(details))


def _because(details: StatusDetails) -> str:
    return f": {details.delivery_reason.rstrip('.')}" if details.delivery_reason else ""


def _choose_remedy(details: StatusDetails) -> str:
    """Return the remedy for a permanent failure. The contact is to blame unless the code states otherwise."""
    code = details.delivery_code or ""
    if code.startswith("policy_") or code in OPERATOR_CODES:
        return "Tell the operator of this installation, or Re-Invite another way."
    if code in SUPERSEDED_CODES:
        return "Re-Invite to send a fresh link."
    return f"Correct the {contact_noun(details.channel)}, then Re-Invite."


def _explain_pending(details: StatusDetails) -> Explanation:
    if details.is_accepted:
        return Explanation("The parent has filled in the form; the account is being opened.", NOTHING_TO_DO)
    if details.is_verified:
        return Explanation("The contact is confirmed; the invitation is on its way.", NOTHING_TO_DO)
    if details.delivery in (Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED):
        return _explain_failure(details)
    if details.delivery in (Delivery.SENT, Delivery.DELIVERED):
        return _explain_no_answer(details)
    if details.delivery is Delivery.DEFERRED:
        return _explain_deferred(details)
    if details.delivery is Delivery.FAILED_TEMPORARY:
        return _explain_retry(details)
    return PENDING_EXPLANATIONS[details.delivery or Delivery.QUEUED]


def _explain_deferred(details: StatusDetails) -> Explanation:
    send_at = format_moment(details.delivery_at, details.zone)
    reason = "Phones are left alone during the quiet hours of the school."
    return Explanation(reason, f"Wait: the message is sent on {send_at}, or Re-Invite by e-mail.")


def _explain_retry(details: StatusDetails) -> Explanation:
    retry_at = format_moment(details.delivery_at, details.zone)
    next_step = f"Wait: the next attempt is on {retry_at}." if retry_at else "Wait: we keep trying."
    return Explanation(f"Not delivered yet{_because(details)}.", next_step)


def _explain_no_answer(details: StatusDetails) -> Explanation:
    noun = contact_noun(details.channel)
    if details.opted_out:
        channel_name = CHANNEL_NAMES.get(details.channel or "", "")
        return Explanation(
            f"The parent answered STOP: this {noun} takes no more {channel_name} messages.",
            "Ask the family, or Re-Invite another way; the link they have still works.",
        )
    expires_at = format_moment(details.expires_at, details.zone)
    next_step = f"Wait: the link works until {expires_at}." if expires_at else NOTHING_TO_DO
    if details.status is InvitationStatus.AWAITING_VERIFICATION:
        return Explanation(f"Asked to confirm the {noun}; no answer yet.", next_step)
    return Explanation("Invited; has not signed up yet.", next_step)


PENDING_EXPLANATIONS = {
    Delivery.QUEUED: Explanation("The message is about to be sent.", NOTHING_TO_DO),
    Delivery.UNKNOWN: Explanation("Nobody can tell whether it arrived.", "Ask the family, or Re-Invite."),
    Delivery.PRINTED: Explanation("The letter is printed.", "Hand out or post the letter."),
}
