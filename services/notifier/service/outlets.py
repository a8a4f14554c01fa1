"""What this installation can send, and where to: the rest fails at once, with that reason."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from services.notifier.domain.messages import Result, Verdict
from services.notifier.domain.reports import CONFIRMING

CHANNEL_NAMES = {"email": "E-mail", "sms": "SMS", "whatsapp": "WhatsApp"}


@dataclass(frozen=True, slots=True)
class Outlets:
    """The channels that are set up, and the countries (ISO 3166, two letters) that phones may be in; none: any."""

    channels: frozenset[str]
    countries: frozenset[str] = frozenset()

    def refusal(self, channel: str, address: str) -> Result | None:
        """Why a message cannot be sent from here; None where it can."""
        name = CHANNEL_NAMES.get(channel, channel)
        if channel not in self.channels:
            reason = f"{name} is not set up in this installation."
            return Result(Verdict.REFUSED, "not_configured", reason)
        if channel in CONFIRMING and self.countries and _country(address) not in self.countries:
            reason = f"{name} is not sent to this country from here; the operator decides to which it is."
            return Result(Verdict.REFUSED, "policy_country", reason)
        return None


def _country(number: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
