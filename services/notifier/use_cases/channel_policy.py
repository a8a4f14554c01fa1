"""Channel policy: channels and countries that this installation sends to. Everything else is refused at once."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from services.notifier.domain.messages import Result, Verdict
from shared.contracts.values import PHONE_CHANNELS

CHANNEL_NAMES = {"email": "E-mail", "sms": "SMS", "whatsapp": "WhatsApp"}


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """Channels that are set up, and countries (ISO 3166-1 alpha-2 codes) of phones to send to; no country means any."""

    channels: frozenset[str]
    countries: frozenset[str] = frozenset()

    def find_refusal(self, channel: str, address: str) -> Result | None:
        """Return the refusal of a message that cannot be sent from here, or None where it can be sent."""
        name = CHANNEL_NAMES.get(channel, channel)
        if channel not in self.channels:
            reason = f"{name} is not set up in this installation."
            return Result(Verdict.REFUSED, "not_configured", reason)
        if channel in PHONE_CHANNELS and self.countries and _country(address) not in self.countries:
            reason = f"{name} is not sent to this country from here; the operator decides to which it is."
            return Result(Verdict.REFUSED, "policy_country", reason)
        return None


def _country(number: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
