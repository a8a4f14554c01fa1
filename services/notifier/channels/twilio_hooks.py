"""What Twilio posts to us: reports about messages, and replies of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from services.notifier.domain.reports import Word

Form = ImmutableMultiDict[str, str]
LONGEST_ID = 64
_WORDS = {
    "accepted": Word.TAKEN,
    "scheduled": Word.TAKEN,
    "queued": Word.TAKEN,
    "sending": Word.TAKEN,
    "sent": Word.TAKEN,
    "delivered": Word.DELIVERED,
    "read": Word.DELIVERED,
    "undelivered": Word.FAILED,
    "failed": Word.FAILED,
    "canceled": Word.FAILED,
}
# Only a reply of one of these words alone counts, as at the carriers.
_STOP = frozenset(
    ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "ARRET", "ARRÊT", "STOPP"]
)
_START = frozenset(["START", "YES", "UNSTOP"])


class Wants(StrEnum):
    """What a person who wrote to us wants."""

    STOP = "stop"
    START = "start"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CopyReport:
    """How far one copy of a message is. `code` names a failure."""

    provider_id: str
    word: Word
    code: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """Somebody wrote to us. `reply_id` is the provider's name for what they wrote."""

    reply_id: str
    channel: str
    address: str = field(repr=False)
    wants: Wants = Wants.OTHER


class Signatures:
    """Tells Twilio's requests from others'. The address is the configured one, never what a request claims."""

    def __init__(self, auth_token: str, public_url: str) -> None:
        self._validator = RequestValidator(auth_token)
        self._public_url = public_url

    def genuine(self, path: str, query: str, form: Form, signature: str) -> bool:
        """Did Twilio sign these fields for this path and query of ours?"""
        url = f"{self._public_url}{path}" + (f"?{query}" if query else "")
        return bool(self._validator.validate(url, _AsTwilioReads(form), signature))


class _AsTwilioReads(dict[str, str]):
    """The validator asks for all values of a name by this method."""

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self._form = form

    def getlist(self, name: str) -> list[str]:
        return self._form.getlist(name)


def read_report(form: Mapping[str, str]) -> CopyReport | None:
    """The report in a status callback; None where it says nothing that we know."""
    word = _WORDS.get(form.get("MessageStatus", "").lower())
    provider_id = form.get("MessageSid", "")
    if word is None or not _is_id(provider_id):
        return None
    code = form.get("ErrorCode", "")
    known = code.isascii() and code.isdigit() and 0 < len(code) <= 9
    return CopyReport(provider_id, word, int(code) if known and int(code) else None)


def read_reply(form: Mapping[str, str]) -> Reply | None:
    """Who wrote to us and what they want; None where no number or no message is named."""
    reply_id, sender = form.get("MessageSid", ""), form.get("From", "")
    channel = "whatsapp" if sender.startswith("whatsapp:") else "sms"
    address = sender.removeprefix("whatsapp:")
    if not _is_id(reply_id) or not (
        address.startswith("+") and address[1:].isascii() and address[1:].isdigit() and len(address) <= 16
    ):
        return None
    word = (form.get("OptOutType") or form.get("Body", "")).strip().strip(".!\"'").upper()
    wants = Wants.STOP if word in _STOP else Wants.START if word in _START else Wants.OTHER
    return Reply(reply_id, channel, address, wants)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= LONGEST_ID
