"""Phone numbers that WhatsApp knows in two spellings: a message to one is answered from the other."""

from __future__ import annotations

import re

from shared.contracts.values import Channel

_MEXICO = re.compile(r"\+52(1?)([2-9]\d{9})")
_BRAZIL = re.compile(r"\+55([1-9]\d)(9?)([6-9]\d{7})")


def list_spellings(channel: str, address: str) -> tuple[str, ...]:
    """Return every spelling of a phone number on a channel, the given one first.

    Mexico had a 1 after the country code, and mobile numbers in Brazil once had no ninth digit; WhatsApp keeps the old
    spellings. Other channels and countries have one spelling.
    """
    if channel != Channel.WHATSAPP:
        return (address,)
    if match := _MEXICO.fullmatch(address):
        return (address, f"+52{'' if match[1] else '1'}{match[2]}")
    if match := _BRAZIL.fullmatch(address):
        return (address, f"+55{match[1]}{'' if match[2] else '9'}{match[3]}")
    return (address,)
