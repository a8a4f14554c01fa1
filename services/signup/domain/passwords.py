"""Rules for passwords: long enough, not commonly used, and without words that strangers can know of the parent.

There are no rules on composition.

Source: NIST SP 800-63B-4 section 3.1.1 and OWASP ASVS 5.0 section 6.2.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from services.signup.domain.personal_words import (
    contains_hidden_word,
    contains_word,
    fold,
    split_address,
    split_words,
)

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
_LINES = (string.ascii_lowercase, string.ascii_lowercase[::-1], *_ROWS, *(row[::-1] for row in _ROWS))
# A run that reaches the end of its line goes on at the beginning: `yzabcdef`, `901234`.
_RUNS = tuple(line * 2 for line in _LINES)
_LONGEST_REPEATED_UNIT = 5
_SHORTEST_RUN = 3
_SHORTEST_RUN_WITH_AFFIXES = 6


class PasswordProblem(StrEnum):
    """Reason for which a password is not accepted; the value is the key of its text on the page."""

    MISSING = "password_missing"
    TOO_SHORT = "password_too_short"
    TOO_LONG = "password_too_long"
    COMMON = "password_common"
    HAS_USERNAME = "password_has_username"
    HAS_NAME = "password_has_name"
    HAS_ADDRESS = "password_has_address"
    HAS_SCHOOL = "password_has_school"
    ODD_CHARACTERS = "password_odd_characters"


@dataclass(frozen=True, slots=True)
class KnownWords:
    """Words that strangers can know of a parent, which their password must not contain.

    `name_words` and `address_words` are those of the parent record, hidden with `salt`; see `personal_words`.
    """

    username: str
    school_name: str = ""
    name_words: tuple[str, ...] = ()
    address_words: tuple[str, ...] = ()
    salt: str = ""


def clean_password(typed: str) -> str:
    """Return the password as it is hashed: in Unicode form NFKC, in which all keyboards agree. Spaces count."""
    return unicodedata.normalize("NFKC", typed)


def password_problem(
    typed: str, *, known_words: KnownWords, min_length: int, common: AbstractSet[str]
) -> PasswordProblem | None:
    """Return the first rule that the password breaks, or None.

    `min_length` is in characters; `common` holds common passwords in lower case.
    """
    password = clean_password(typed)
    problem = _length_or_character_problem(password, min_length)
    if problem is not None:
        return problem
    return (
        PasswordProblem.COMMON if is_common(password, common) else _known_word_problem(password, known_words)
    )


def _known_word_problem(password: str, known_words: KnownWords) -> PasswordProblem | None:
    if contains_word(password, _username_words(known_words.username)):
        return PasswordProblem.HAS_USERNAME
    if contains_hidden_word(password, known_words.name_words, known_words.salt):
        return PasswordProblem.HAS_NAME
    if contains_hidden_word(password, known_words.address_words, known_words.salt):
        return PasswordProblem.HAS_ADDRESS
    if contains_word(password, split_words(known_words.school_name)):
        return PasswordProblem.HAS_SCHOOL
    return None


def _username_words(username: str) -> AbstractSet[str]:
    # A username is one word, unless it is an email address.
    if "@" in username:
        return split_address(username)
    return {word for word in split_words(username) if word == fold(username)}


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
    them or of up to five characters, and runs along the alphabet or along a row of a keyboard, with digits or
    punctuation before or after them, too.
    """
    folded = password.casefold()
    word = folded.strip(string.digits + string.punctuation + " ")
    if folded in common or word in common:
        return True
    if len(word) >= _SHORTEST_RUN_WITH_AFFIXES and _is_runs(word):
        return True
    return _is_repetition(folded, common) or _is_runs(folded)


def _is_repetition(text: str, common: AbstractSet[str]) -> bool:
    unit = text[: (text + text).find(text, 1)]
    return len(unit) < len(text) and (len(unit) <= _LONGEST_REPEATED_UNIT or unit in common)


def _is_runs(text: str) -> bool:
    """Return whether the text consists only of runs of three and more neighbouring characters: `abcdef123456`."""
    ends = {0}
    for position in range(len(text)):
        # Where lines meet, the longest run is not always the right one: `azertyuiop`, `abc`.
        if position in ends:
            ends.update(range(position + _SHORTEST_RUN, position + _run_length(text, position) + 1))
    return len(text) in ends


def _run_length(text: str, start: int) -> int:
    longest = 1
    for run in _RUNS:
        length = 1
        while start + length < len(text) and text[start : start + length + 1] in run:
            length += 1
        longest = max(longest, length)
    same = len(text) - start - len(text[start:].lstrip(text[start]))
    return max(longest, same)
