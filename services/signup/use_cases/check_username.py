"""Check usernames by Unicode's rules: no invisible characters, no mixed scripts, and a form that confusable ones share.

Sources: RFC 8265 (PRECIS profile UsernameCaseMapped) and UTS 39 (skeletons of confusable characters).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from confusable_homoglyphs import categories
from precis_i18n import get_profile

from services.signup.domain.accounts import UsernameProblem, clean_username, username_key, username_problem

_PROFILE = get_profile("UsernameCaseMapped")
_WORD_ENDS = re.compile(r"[-._@+]+")
# UTS 39, "Highly Restrictive": scripts that are written together, each also with Latin.
_WRITTEN_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_OF_EVERY_SCRIPT = frozenset({"COMMON", "INHERITED"})


def find_username_problem(typed: str) -> UsernameProblem | None:
    """Return the first rule that the username breaks, or None. Each word of it is written in one script."""
    problem = username_problem(typed)
    if problem is not None:
        return problem
    username = clean_username(typed)
    try:
        _PROFILE.enforce(username)
    except UnicodeEncodeError as error:
        is_mixed = error.reason.endswith("bidi_rule")
        return UsernameProblem.MIXED_SCRIPTS if is_mixed else UsernameProblem.ODD_CHARACTERS
    if not all(_is_of_one_script(word) for word in _WORD_ENDS.split(username)):
        return UsernameProblem.MIXED_SCRIPTS
    return None


def username_skeleton(username: str) -> str:
    """Return the form that is equal for confusable usernames, such as `ana` in Latin and in Cyrillic."""
    characters = unicodedata.normalize("NFD", username_key(username))
    skeleton = "".join(_prototypes().get(character, character) for character in characters)
    return unicodedata.normalize("NFD", skeleton.casefold())


def _is_of_one_script(word: str) -> bool:
    scripts = {str(categories.alias(character)) for character in word} - _OF_EVERY_SCRIPT
    return len(scripts) <= 1 or any(scripts <= together for together in _WRITTEN_TOGETHER)


@cache
def _prototypes() -> dict[str, str]:
    """Return the character, or the characters, that stand for each confusable character and its equals.

    The library's data pairs characters in both directions; those that pairs connect are equal.
    """
    from confusable_homoglyphs.confusables import confusables_data

    parents: dict[str, str] = {}
    sequences: dict[str, str] = {}
    for character, similar in confusables_data.items():
        for entry in similar:
            other = entry["c"].strip("\u200e")
            if len(character) == 1 and len(other) == 1:
                first, second = sorted((_find_root(parents, character), _find_root(parents, other)))
                parents[second] = first
            elif len(character) == 1 and other:
                sequences[character] = other
    singles = {character: _find_root(parents, character) for character in parents}
    for character, sequence in sequences.items():
        root = singles.get(character, character)
        singles[root] = "".join(singles.get(part, part) for part in sequence)
    return {character: singles.get(root, root) for character, root in singles.items()}


def _find_root(parents: dict[str, str], character: str) -> str:
    while parents.get(character, character) != character:
        character = parents[character]
    return character
