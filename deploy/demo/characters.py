"""How simulated parents behave. An address always has the same character."""

from __future__ import annotations

import hashlib
from enum import StrEnum


class Character(StrEnum):
    """What somebody does with the messages."""

    PROMPT = "signs up"
    MISTYPES = "mistypes the password"
    CLICKS_TWICE = "presses every button twice"
    FORWARDS = "forwards the link to somebody"
    OLD_LINK = "opens an old link"
    STOPS_HALFWAY = "confirms the address and leaves it at that"
    SILENT = "never answers"
    UNREACHABLE = "has an address that does not work"


_IN_A_HUNDRED = {
    Character.PROMPT: 50,
    Character.MISTYPES: 10,
    Character.CLICKS_TWICE: 7,
    Character.FORWARDS: 6,
    Character.OLD_LINK: 4,
    Character.STOPS_HALFWAY: 8,
    Character.SILENT: 12,
    Character.UNREACHABLE: 3,
}


def character_of(address: str) -> Character:
    """By a digest of the address, so that each run of the demo is like the last."""
    place = int.from_bytes(hashlib.sha256(address.casefold().encode()).digest()[:4]) % 100
    for character, share in _IN_A_HUNDRED.items():
        if place < share:
            return character
        place -= share
    return Character.PROMPT
