"""Meaning of Twilio's and WhatsApp's codes for a message: one table."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from services.notifier.channels.base import (
    OptedOut,
    OutcomeUnknown,
    Refused,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.domain.messages import Result

DAY_SECONDS = 86_400.0
HOUR_SECONDS = 3_600.0
REPORT_SECONDS = 30.0
"""Seconds to wait for the delivery report of a copy whose answer was lost, before the message is sent again."""
TOO_MANY_REQUESTS = 429
NOT_ALLOWED = (401, 403)
NO_REASON = 30008
"""Twilio's code of a failure that it cannot explain; the copy may have arrived."""


class Kind(StrEnum):
    """Kind of a code: its cause, and with that the reaction to it."""

    PERMANENT = "permanent"  # the number is the cause
    OPTED_OUT = "opted_out"  # the recipient takes no more messages
    POLICY = "policy"  # the operator has to change the text, the template or the account
    TEMPORARY = "temporary"  # this message may be accepted later
    CHANNEL = "channel"  # no message is accepted now, or they are sent too fast


class Meaning(NamedTuple):
    """Meaning of a code. `after_seconds`: the message must not be tried again earlier."""

    kind: Kind
    reason: str
    after_seconds: float | None = None


_STOP = Meaning(Kind.OPTED_OUT, "The recipient has answered STOP and takes no more messages.")
_NOT_A_NUMBER = Meaning(Kind.PERMANENT, "This is not a phone number that can get messages.")
_NO_WHATSAPP = Meaning(Kind.PERMANENT, "This number is not on WhatsApp.")
_NO_TEMPLATE = Meaning(
    Kind.POLICY, "WhatsApp wants an approved template here; the operator has to set it up."
)
_TOO_FAST = Meaning(Kind.CHANNEL, "The provider asks us to send more slowly.")
_CREDENTIALS = Meaning(
    Kind.CHANNEL, "The provider does not accept our account; the operator has to look at it."
)
_SENDER = Meaning(
    Kind.POLICY, "The provider does not accept our sender number; the operator has to look at it."
)

MEANINGS: dict[int, Meaning] = {
    20003: _CREDENTIALS,
    20005: _CREDENTIALS,
    20429: _TOO_FAST,
    21211: _NOT_A_NUMBER,
    21217: _NOT_A_NUMBER,
    21408: Meaning(
        Kind.POLICY, "The provider account is not enabled for this country; the operator has to enable it."
    ),
    21610: _STOP,
    21611: Meaning(Kind.CHANNEL, "The provider's queue for our number is full."),
    21614: Meaning(Kind.PERMANENT, "This is not a mobile number."),
    21606: _SENDER,
    21659: _SENDER,
    21660: _SENDER,
    30001: Meaning(Kind.TEMPORARY, "The provider's queue was full.", 60.0),
    30002: _CREDENTIALS,
    30003: Meaning(Kind.TEMPORARY, "The phone could not be reached; it may be switched off.", DAY_SECONDS),
    30004: Meaning(Kind.POLICY, "The message was blocked on its way."),
    30005: Meaning(Kind.PERMANENT, "This number is unknown or no longer in use."),
    30006: Meaning(Kind.PERMANENT, "This is a landline, or its network takes no text messages."),
    30007: Meaning(
        Kind.POLICY, "A network filtered the message; the operator has to look at text and sender."
    ),
    30008: Meaning(
        Kind.TEMPORARY, "The phone network did not deliver the message and gave no reason.", HOUR_SECONDS
    ),
    30036: Meaning(Kind.TEMPORARY, "The message waited too long at the provider and was not sent.", 60.0),
    63001: _CREDENTIALS,
    63003: _NO_WHATSAPP,
    63007: _SENDER,
    63012: Meaning(Kind.TEMPORARY, "WhatsApp had a failure of its own.", 60.0),
    63013: Meaning(Kind.POLICY, "WhatsApp says that this message breaks a rule of theirs."),
    63016: _NO_TEMPLATE,
    63018: _TOO_FAST,
    63024: _NO_WHATSAPP,
    63049: Meaning(Kind.TEMPORARY, "WhatsApp held the message back for the recipient's sake.", DAY_SECONDS),
    131026: _NO_WHATSAPP,
    131047: _NO_TEMPLATE,
    131048: Meaning(Kind.CHANNEL, "WhatsApp takes our messages for spam and stopped them.", HOUR_SECONDS),
    131049: Meaning(Kind.TEMPORARY, "WhatsApp held the message back for the recipient's sake.", DAY_SECONDS),
    132001: _NO_TEMPLATE,
}


def error_for(code: int, *, detail: str = "", retry_after_seconds: float | None = None) -> SendError:
    """Return the error that a code means. A message with an unknown code is not tried again."""
    meaning = MEANINGS.get(code, Meaning(Kind.PERMANENT, f"The provider refused the message ({code})."))
    wait = max(meaning.after_seconds or 0.0, retry_after_seconds or 0.0) or None
    match meaning.kind:
        case Kind.OPTED_OUT:
            return OptedOut(meaning.reason, detail=detail)
        case Kind.POLICY:
            return Refused(f"policy_{code}", meaning.reason, detail=detail)
        case Kind.TEMPORARY:
            return TryLater(str(code), meaning.reason, detail=detail, retry_after_seconds=wait)
        case Kind.CHANNEL:
            return Unavailable(str(code), meaning.reason, detail=detail, retry_after_seconds=wait)
        case Kind.PERMANENT:
            return Refused(str(code), meaning.reason, detail=detail)


def explain_failure(code: int | None) -> Result:
    """Return the meaning of a copy that was reported as failed, as the result of an attempt.

    Without a code, or with the code for "no reason", the outcome is unknown. Every other failure that is not permanent
    is temporary, because the provider had taken the copy over.
    """
    error = error_for(NO_REASON if code is None else code)
    wait_seconds = error.retry_after_seconds
    if code is None or code == NO_REASON:
        return OutcomeUnknown(error.code, error.reason, retry_after_seconds=wait_seconds).result()
    if isinstance(error, Refused):
        return error.result()
    return TryLater(error.code, error.reason, retry_after_seconds=wait_seconds).result()


def error_for_answer(
    status: int, code: int | None, *, detail: str, retry_after_seconds: float | None
) -> SendError:
    """Return the error that an HTTP answer with status 400 or higher means; `code` is the code in its body, if any."""
    if code in MEANINGS:
        return error_for(code, detail=detail, retry_after_seconds=retry_after_seconds)
    wait = retry_after_seconds
    if status == TOO_MANY_REQUESTS:
        return Unavailable("429", _TOO_FAST.reason, detail=detail, retry_after_seconds=wait)
    if status in NOT_ALLOWED:
        return Unavailable(str(status), _CREDENTIALS.reason, detail=detail)
    if status == 503:
        reason = "The provider is not available at the moment."
        return Unavailable("503", reason, detail=detail, retry_after_seconds=wait)
    if status >= 500:
        reason = "The provider did not say whether it took the message."
        after = max(wait or 0.0, REPORT_SECONDS)
        return OutcomeUnknown(str(status), reason, detail=detail, retry_after_seconds=after)
    return error_for(code or status, detail=detail)
