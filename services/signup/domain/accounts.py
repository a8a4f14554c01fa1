"""Accounts of parents, and the rules for usernames."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

USERNAME_MIN_LENGTH = 3
USERNAME_MAX_LENGTH = 80
_USERNAME_MARKS = frozenset(".-_@+")


class UsernameProblem(StrEnum):
    """Reason for which a username is not accepted; the value is the key of its text on the page."""

    MISSING = "username_missing"
    TOO_SHORT = "username_too_short"
    TOO_LONG = "username_too_long"
    ODD_CHARACTERS = "username_odd_characters"
    MIXED_SCRIPTS = "username_mixed_scripts"
    TAKEN = "username_taken"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to reserve: the username for display, its comparison key, and the argon2id hash of the password.

    `username_skeleton` is equal for confusable usernames; None where an older account already had the same one.
    """

    account_id: UUID
    username: str
    username_key: str
    password_hash: str
    username_skeleton: str | None


def clean_username(typed: str) -> str:
    """Return the username for display: in Unicode form NFKC, without surrounding spaces."""
    return unicodedata.normalize("NFKC", typed).strip()


def username_key(username: str) -> str:
    """Return the key by which usernames are compared: it ignores case and compatibility forms."""
    return unicodedata.normalize("NFKC", clean_username(username).casefold())


def username_problem(typed: str) -> UsernameProblem | None:
    """Return the first rule that the username breaks, or None.

    A username has 3 to 80 characters: alphanumeric ones of any script, and `. - _ @ +`. The first one is alphanumeric.
    """
    username = clean_username(typed)
    if not username:
        return UsernameProblem.MISSING
    if len(username) > USERNAME_MAX_LENGTH:
        return UsernameProblem.TOO_LONG
    if not username[0].isalnum() or not all(_is_allowed(character) for character in username):
        return UsernameProblem.ODD_CHARACTERS
    if len(username) < USERNAME_MIN_LENGTH:
        return UsernameProblem.TOO_SHORT
    return None


def _is_allowed(character: str) -> bool:
    # Combining marks (category M) are a part of words in many scripts, such as Devanagari and Thai.
    return (
        character.isalnum() or character in _USERNAME_MARKS or unicodedata.category(character).startswith("M")
    )
