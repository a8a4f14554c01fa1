"""What staff read about a row: the reason it stands where it stands and the next step, in plain words."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import assert_never

from services.dashboard.domain.reach import CHANNEL_NAMES
from services.dashboard.domain.status import Delivery, State, Status

NOTHING_TO_DO = "Nothing to do."


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the words depend on. Moments are shown in the school's time zone, `zone`."""

    status: Status
    zone: tzinfo
    state: State | None = None
    state_reason: str | None = None
    state_at: datetime | None = None
    delivery: Delivery | None = None
    delivery_reason: str | None = None
    delivery_at: datetime | None = None
    delivery_code: str | None = None
    channel: str | None = None
    expires_at: datetime | None = None
    signed_up_at: datetime | None = None
    reachable: bool = True
    stopped: bool = False
    """The recipient has answered STOP on the channel that the last message took."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Two short sentences or so for the office."""

    reason: str
    next_step: str


OPERATORS_MATTERS = frozenset({"not_configured", "template_missing", "token_key_unknown", "internal_error"})
OVERTAKEN = frozenset({"expired"})
BLOCKED_REASONS = {
    "no_access": "No right of access to any child is left.",
    "no_contact": "There is no contact to send to.",
    "removed": "The parent was removed from the roster.",
}


def moment(at: datetime | None, zone: tzinfo) -> str:
    """`21 Nov 2026, 14:05` in the given zone; empty for no moment."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def explain(standing: Standing) -> Explanation:
    """The reason and the next step of one row; never names the child."""
    match standing.status:
        case Status.NOT_INVITED:
            told = _not_invited(standing)
        case Status.SIGNED_UP:
            told = Explanation(f"Signed up on {moment(standing.signed_up_at, standing.zone)}.", NOTHING_TO_DO)
        case Status.DECLINED:
            told = Explanation("The parent declined the invitation.", "Speak with the family first.")
        case Status.WITHDRAWN:
            told = Explanation("The office withdrew the invitation.", "Re-Invite when the time has come.")
        case Status.BLOCKED:
            reason = BLOCKED_REASONS.get(standing.state_reason or "", BLOCKED_REASONS["no_access"])
            told = Explanation(reason, "Give access to a child first; then the parent can be invited.")
        case Status.EXPIRED:
            told = _expired(standing)
        case Status.AWAITING_VERIFICATION | Status.INVITED:
            told = _under_way(standing)
        case _:
            assert_never(standing.status)
    return told


def contact_word(channel: str | None) -> str:
    """The thing to correct when a message of the channel cannot be delivered."""
    return {"email": "e-mail address", "sms": "phone number", "whatsapp": "phone number"}.get(
        channel or "", "postal address" if channel == "paper" else "contact"
    )


def _not_invited(standing: Standing) -> Explanation:
    if not standing.reachable:
        return Explanation("There is no e-mail address or phone number on file.", "Add one, then invite.")
    return Explanation("Not invited yet.", "Invite this parent.")


def _expired(standing: Standing) -> Explanation:
    when = moment(standing.state_at or standing.expires_at, standing.zone)
    if standing.delivery in (Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED):
        failed = _failed(standing)
        return Explanation(f"{failed.reason} The invitation expired on {when}.", failed.next_step)
    return Explanation(f"The invitation expired on {when}, unused.", "Re-Invite to send a fresh link.")


def _failed(standing: Standing) -> Explanation:
    word = contact_word(standing.channel)
    if standing.delivery is Delivery.SUPPRESSED:
        return Explanation(
            f"This {word} takes no more messages from us.",
            "Ask the family for another contact, or Re-Invite another way.",
        )
    because = f": {standing.delivery_reason.rstrip('.')}" if standing.delivery_reason else ""
    return Explanation(f"The message could not be delivered{because}.", _remedy(standing))


def _remedy(standing: Standing) -> str:
    """The contact is to blame, unless the code says otherwise."""
    code = standing.delivery_code or ""
    if code.startswith("policy_") or code in OPERATORS_MATTERS:
        return "Tell the operator of this installation, or Re-Invite another way."
    if code in OVERTAKEN:
        return "Re-Invite to send a fresh link."
    return f"Correct the {contact_word(standing.channel)}, then Re-Invite."


def _under_way(standing: Standing) -> Explanation:
    if standing.state is State.ACCEPTED:
        return Explanation("The parent has filled in the form; the account is being opened.", NOTHING_TO_DO)
    if standing.state is State.VERIFIED:
        return Explanation("The contact is confirmed; the invitation is on its way.", NOTHING_TO_DO)
    if standing.delivery in (Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED):
        return _failed(standing)
    if standing.delivery in (Delivery.SENT, Delivery.DELIVERED):
        return _waiting(standing)
    if standing.delivery is Delivery.DEFERRED:
        return _quiet(standing)
    if standing.delivery is Delivery.FAILED_TEMPORARY:
        return _again(standing)
    return OUTCOMES[standing.delivery or Delivery.QUEUED]


def _quiet(standing: Standing) -> Explanation:
    when = moment(standing.delivery_at, standing.zone)
    reason = "It is night at the school, and phones are left alone then."
    return Explanation(reason, f"Wait: the message is sent on {when}, or Re-Invite by e-mail.")


def _again(standing: Standing) -> Explanation:
    because = f": {standing.delivery_reason.rstrip('.')}" if standing.delivery_reason else ""
    when = moment(standing.delivery_at, standing.zone)
    wait = f"Wait: the next attempt is on {when}." if when else "Wait: we keep trying."
    return Explanation(f"Not delivered yet{because}.", wait)


def _waiting(standing: Standing) -> Explanation:
    until = moment(standing.expires_at, standing.zone)
    wait = f"Wait: the link works until {until}." if until else NOTHING_TO_DO
    if standing.stopped:
        how = CHANNEL_NAMES.get(standing.channel or "", "")
        reason = (
            f"The parent answered STOP: this {contact_word(standing.channel)} takes no more {how} messages."
        )
        return Explanation(
            reason, "Ask the family, or Re-Invite another way; the link they have still works."
        )
    if standing.status is Status.AWAITING_VERIFICATION:
        return Explanation(f"Asked to confirm the {contact_word(standing.channel)}; no answer yet.", wait)
    return Explanation("Invited; has not signed up yet.", wait)


OUTCOMES = {
    Delivery.QUEUED: Explanation("The message is about to be sent.", NOTHING_TO_DO),
    Delivery.UNKNOWN: Explanation("Nobody can tell whether it arrived.", "Ask the family, or Re-Invite."),
    Delivery.PRINTED: Explanation("The letter is printed.", "Hand out or post the letter."),
}
