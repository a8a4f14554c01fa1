"""Numbers that WhatsApp knows by two spellings: what is sent to one is answered from the other."""

from __future__ import annotations

import re

_MEXICO = re.compile(r"\+52(1?)([2-9]\d{9})")
_BRAZIL = re.compile(r"\+55([1-9]\d)(9?)([6-9]\d{7})")


def spellings(channel: str, address: str) -> tuple[str, ...]:
    """Every spelling of a number on a channel, itself first.

    Mexico had a 1 after the country code and Brazil's mobiles once had no ninth digit; WhatsApp keeps the old ones.
    """
    if channel != "whatsapp":
        return (address,)
    if found := _MEXICO.fullmatch(address):
        return (address, f"+52{'' if found[1] else '1'}{found[2]}")
    if found := _BRAZIL.fullmatch(address):
        return (address, f"+55{found[1]}{'' if found[2] else '9'}{found[3]}")
    return (address,)
