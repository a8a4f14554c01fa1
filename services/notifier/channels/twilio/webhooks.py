"""Requests that Twilio sends to the webhooks: delivery reports and replies of people, and their signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from services.notifier.channels.base import StatusReport
from services.notifier.domain.reports import ProviderStatus

Form = ImmutableMultiDict[str, str]
MAX_ID_CHARACTERS = 64
_STATUSES = {
    "accepted": ProviderStatus.ACCEPTED,
    "scheduled": ProviderStatus.ACCEPTED,
    "queued": ProviderStatus.ACCEPTED,
    "sending": ProviderStatus.ACCEPTED,
    "sent": ProviderStatus.ACCEPTED,
    "delivered": ProviderStatus.DELIVERED,
    "read": ProviderStatus.DELIVERED,
    "undelivered": ProviderStatus.FAILED,
    "failed": ProviderStatus.FAILED,
    "canceled": ProviderStatus.FAILED,
}
# A reply counts only if it consists of one of these keywords alone, as at the carriers.
_STOP = frozenset(
    ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "ARRET", "ARRÊT", "STOPP"]
)
_START = frozenset(["START", "YES", "UNSTOP"])


class Intent(StrEnum):
    """Intent of a reply."""

    STOP = "stop"
    START = "start"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of a person to a number of ours. `reply_id` is the provider's id of it."""

    reply_id: str
    channel: str
    address: str = field(repr=False)
    intent: Intent = Intent.OTHER


class SignatureValidator:
    """Validator of request signatures. It uses the configured public URL, never the host that a request claims."""

    def __init__(self, auth_token: str, public_url: str) -> None:
        self._validator = RequestValidator(auth_token)
        self._public_url = public_url

    def is_genuine(self, path: str, query: str, form: Form, signature: str) -> bool:
        """Return whether Twilio has signed these fields for this path and query."""
        url = f"{self._public_url}{path}" + (f"?{query}" if query else "")
        return bool(self._validator.validate(url, _ValidatorForm(form), signature))


class _ValidatorForm(dict[str, str]):
    """Form fields as the validator reads them: all values of a name by `getlist`."""

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self._form = form

    def getlist(self, name: str) -> list[str]:
        return self._form.getlist(name)


def parse_report(form: Mapping[str, str]) -> StatusReport | None:
    """Parse a status callback; return None where its status or id is unknown."""
    status = _STATUSES.get(form.get("MessageStatus", "").lower())
    provider_id = form.get("MessageSid", "")
    if status is None or not _is_id(provider_id):
        return None
    code = form.get("ErrorCode", "")
    is_code = code.isascii() and code.isdigit() and 0 < len(code) <= 9
    return StatusReport(provider_id, status, int(code) if is_code and int(code) else None)


def parse_reply(form: Mapping[str, str]) -> Reply | None:
    """Parse a reply; return None where it names no number or has no valid id."""
    reply_id, sender = form.get("MessageSid", ""), form.get("From", "")
    channel = "whatsapp" if sender.startswith("whatsapp:") else "sms"
    address = sender.removeprefix("whatsapp:")
    if not _is_id(reply_id) or not (
        address.startswith("+") and address[1:].isascii() and address[1:].isdigit() and len(address) <= 16
    ):
        return None
    keyword = (form.get("OptOutType") or form.get("Body", "")).strip().strip(".!\"'").upper()
    intent = Intent.STOP if keyword in _STOP else Intent.START if keyword in _START else Intent.OTHER
    return Reply(reply_id, channel, address, intent)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= MAX_ID_CHARACTERS
