"""Accounts and the submissions that lead to them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

USERNAME_MIN_LENGTH = 3
USERNAME_MAX_LENGTH = 80
_USERNAME_MARKS = frozenset(".-_@+")


class SubmissionState(StrEnum):
    """What became of a pressed button."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class RefusalReason(StrEnum):
    """Why a submission came to nothing; the words of the page follow from it."""

    EXPIRED = "expired"
    REPLACED = "replaced"
    USED = "used"
    WITHDRAWN = "withdrawn"
    NO_ACCESS = "no_access"


class UsernameProblem(StrEnum):
    """Why a username is not taken as typed; each has a sentence on the page."""

    MISSING = "username_missing"
    TOO_SHORT = "username_too_short"
    TOO_LONG = "username_too_long"
    ODD_CHARACTERS = "username_odd_characters"
    TAKEN = "username_taken"


@dataclass(frozen=True, slots=True)
class Submission:
    """One pressed button. `account_id` is set for a sign-up."""

    submission_id: UUID
    invitation_id: UUID
    generation: int
    school_id: UUID
    parent_id: UUID
    account_id: UUID | None
    state: SubmissionState
    reason: RefusalReason | None
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to reserve: the username as typed, its comparison key, and the argon2 hash of the password."""

    account_id: UUID
    username: str
    username_key: str
    password_hash: str


def clean_username(typed: str) -> str:
    """The username as it is shown: compatibility forms folded, spaces around it dropped."""
    return unicodedata.normalize("NFKC", typed).strip()


def username_key(username: str) -> str:
    """What makes two usernames the same: case and compatibility forms do not count."""
    return unicodedata.normalize("NFKC", clean_username(username).casefold())


def username_problem(typed: str) -> UsernameProblem | None:
    """The first rule that the username breaks, or None.

    3 to 80 characters; letters and digits of any script and `. - _ @ +`; the first is a letter or digit.
    """
    username = clean_username(typed)
    if not username:
        return UsernameProblem.MISSING
    if len(username) > USERNAME_MAX_LENGTH:
        return UsernameProblem.TOO_LONG
    if not username[0].isalnum() or not all(_allowed(character) for character in username):
        return UsernameProblem.ODD_CHARACTERS
    if len(username) < USERNAME_MIN_LENGTH:
        return UsernameProblem.TOO_SHORT
    return None


def _allowed(character: str) -> bool:
    # Combining marks (category M) belong to the letters of many scripts, such as Devanagari and Thai.
    return (
        character.isalnum() or character in _USERNAME_MARKS or unicodedata.category(character).startswith("M")
    )
