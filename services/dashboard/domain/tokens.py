"""Tokens of programs: who may use the API, for which schools, and until when. The token itself is kept nowhere."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.dashboard.domain.staff import Schools, within

LONGEST_DAYS = 3_650
NAME_LENGTH = 100
# What a right allows, in the order in which people read them.
RIGHTS: dict[str, str] = {
    "roster:read": "Read students and parents",
    "roster:write": "Add and change students and parents, import",
    "invitations:read": "Read invitations and runs",
    "invitations:write": "Invite, withdraw, start runs",
    "notifier:read": "Read messages",
    "dashboard:read": "Read the status view, follow changes",
    "admin": "Everything, also making and revoking tokens",
}


class TokenState(StrEnum):
    """Whether services take the token."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is made for. `days` None: valid until it is revoked."""

    name: str
    rights: frozenset[str]
    school_ids: Schools
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """On whose behalf tokens are made and revoked: the actor, and the schools whose tokens are theirs to manage.

    `token_id` is set where the actor is itself a program with a token: what it made ends with it.
    """

    actor: str
    school_ids: Schools
    token_id: UUID | None = None

    def covers(self, school_ids: Schools) -> bool:
        return within(school_ids, self.school_ids)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A line of the register; moments are UTC."""

    token_id: UUID
    name: str
    rights: frozenset[str]
    school_ids: Schools
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def state(self, now: datetime) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        over = self.expires_at is not None and self.expires_at <= now
        return TokenState.EXPIRED if over else TokenState.VALID


class GrantError(Exception):
    """The token cannot be made; the text says why, `field` what to correct."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(code)
        self.field = field
        self.code = code
        self.message = message


def checked(grant: Grant, by: Authority) -> Grant:
    """The grant in its stored form. Raises GrantError."""
    name = " ".join(grant.name.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise GrantError("name", "bad_name", f"Give it a name of up to {NAME_LENGTH} characters.")
    if not grant.rights or not grant.rights <= RIGHTS.keys():
        raise GrantError("rights", "bad_rights", f"Choose at least one of {', '.join(RIGHTS)}.")
    if grant.days is not None and not 1 <= grant.days <= LONGEST_DAYS:
        raise GrantError("days", "bad_days", f"It can be valid for 1 to {LONGEST_DAYS} days.")
    if grant.school_ids is not None and not grant.school_ids:
        raise GrantError("school_ids", "no_school", "Choose at least one school.")
    if not by.covers(grant.school_ids):
        raise GrantError("school_ids", "school_not_found", "There is no such school, or it is not yours.")
    return Grant(name, grant.rights, grant.school_ids, grant.days)
