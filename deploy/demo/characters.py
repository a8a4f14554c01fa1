"""Characters of the simulated parents. An address always has the same character."""

from __future__ import annotations

import hashlib
from enum import StrEnum


class Character(StrEnum):
    """Reaction of a parent to messages."""

    PROMPT = "signs up"
    MISTYPES = "mistypes the password"
    CLICKS_TWICE = "presses every button twice"
    FORWARDS = "forwards the link to somebody"
    OLD_LINK = "opens an old link"
    STOPS_HALFWAY = "confirms the address and leaves it at that"
    SILENT = "never answers"
    TOO_LATE = "lets the week pass"
    GREYLISTED = "has a mail server that wants to be asked twice"
    UNREACHABLE = "has an address that does not work"
    WANTS_NO_TEXTS = "answers STOP to a text message"


# Percentages of the parents who are reached by e-mail, and of those who are reached by text message.
_EMAIL_SHARES = {
    Character.PROMPT: 48,
    Character.MISTYPES: 10,
    Character.CLICKS_TWICE: 7,
    Character.FORWARDS: 6,
    Character.OLD_LINK: 4,
    Character.STOPS_HALFWAY: 8,
    Character.SILENT: 6,
    Character.TOO_LATE: 6,
    Character.GREYLISTED: 2,
    Character.UNREACHABLE: 3,
}
_PHONE_SHARES = {
    Character.UNREACHABLE: 10,
    Character.PROMPT: 40,
    Character.MISTYPES: 10,
    Character.TOO_LATE: 10,
    Character.WANTS_NO_TEXTS: 30,
}


def character_of(address: str) -> Character:
    """Return the character of an e-mail address or phone number. It depends on a digest, so every run is alike."""
    digest = hashlib.sha256(address.casefold().encode()).digest()
    remainder = int.from_bytes(digest[:4]) % 100
    for character, share in (_PHONE_SHARES if address.startswith("+") else _EMAIL_SHARES).items():
        if remainder < share:
            return character
        remainder -= share
    return Character.PROMPT
