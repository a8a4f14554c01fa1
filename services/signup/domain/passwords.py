"""Rules for passwords: long enough and not commonly used. There are no rules on composition.

Source: NIST SP 800-63B-4 section 3.1.1 and OWASP ASVS 5.0 section 6.2.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Set as AbstractSet
from enum import StrEnum

MAX_LENGTH = 1_000
_ROWS = (
    "1234567890",
    "0987654321",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
)
_RUNS = (string.ascii_lowercase, string.ascii_lowercase[::-1], *_ROWS, *(row[::-1] for row in _ROWS))
_LONGEST_REPEATED_UNIT = 5
_SHORTEST_RUN = 3


class PasswordProblem(StrEnum):
    """Reason for which a password is not accepted; the value is the key of its text on the page."""

    MISSING = "password_missing"
    TOO_SHORT = "password_too_short"
    TOO_LONG = "password_too_long"
    COMMON = "password_common"
    IS_USERNAME = "password_is_username"
    ODD_CHARACTERS = "password_odd_characters"


def clean_password(typed: str) -> str:
    """Return the password as it is hashed: in Unicode form NFKC, in which all keyboards agree. Spaces count."""
    return unicodedata.normalize("NFKC", typed)


def password_problem(
    typed: str, *, username: str, min_length: int, common: AbstractSet[str]
) -> PasswordProblem | None:
    """Return the first rule that the password breaks, or None.

    `min_length` is in characters; `common` holds common passwords in lower case.
    """
    password = clean_password(typed)
    problem = _length_or_character_problem(password, min_length)
    if problem is not None:
        return problem
    if username and password.casefold() == clean_password(username).casefold():
        return PasswordProblem.IS_USERNAME
    if is_common(password, common):
        return PasswordProblem.COMMON
    return None


def _length_or_character_problem(password: str, min_length: int) -> PasswordProblem | None:
    if not password:
        return PasswordProblem.MISSING
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return PasswordProblem.ODD_CHARACTERS
    if len(password) < min_length:
        return PasswordProblem.TOO_SHORT
    return PasswordProblem.TOO_LONG if len(password) > MAX_LENGTH else None


def is_common(password: str, common: AbstractSet[str]) -> bool:
    """Return whether the password is among the first that an attacker would try.

    These are the passwords in `common`, the same with digits or punctuation before or after them, repetitions of one of
    them or of up to five characters, and runs along the alphabet or along a row of a keyboard.
    """
    folded = password.casefold()
    word = folded.strip(string.digits + string.punctuation + " ")
    if folded in common or word in common:
        return True
    return _is_repetition(folded, common) or _is_runs(folded)


def _is_repetition(text: str, common: AbstractSet[str]) -> bool:
    unit = text[: (text + text).find(text, 1)]
    return len(unit) < len(text) and (len(unit) <= _LONGEST_REPEATED_UNIT or unit in common)


def _is_runs(text: str) -> bool:
    """Return whether the text consists only of runs of three and more neighbouring characters: `abcdef123456`."""
    position = 0
    while position < len(text):
        length = _run_length(text, position)
        if length < _SHORTEST_RUN:
            return False
        position += length
    return True


def _run_length(text: str, start: int) -> int:
    longest = 1
    for run in _RUNS:
        length = 1
        while start + length < len(text) and text[start : start + length + 1] in run:
            length += 1
        longest = max(longest, length)
    same = len(text) - start - len(text[start:].lstrip(text[start]))
    return max(longest, same)
