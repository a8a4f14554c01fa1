"""API tokens: rights, schools and expiry of an API client. The token's text itself is never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.dashboard.domain.staff import Schools, is_within

MAX_LIFETIME_DAYS = 1_095
"""Longest validity period of a token, three years: one that somebody lost does not open schools for ever."""
MAX_NAME_LENGTH = 100
RIGHTS: dict[str, str] = {
    "roster:read": "Read students and parents",
    "roster:write": "Add and change students and parents, import",
    "invitations:read": "Read invitations and runs",
    "invitations:write": "Invite, withdraw, start runs",
    "notifier:read": "Read messages",
    "dashboard:read": "Read the status view, follow changes",
    "admin": "Everything, also making and revoking tokens",
}
"""Descriptions of the rights, in the order in which pages list them."""


class TokenState(StrEnum):
    """State of a token; services accept only a valid one."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Grant:
    """Request for a token that is valid for `days`."""

    name: str
    rights: frozenset[str]
    school_ids: Schools
    days: int = MAX_LIFETIME_DAYS


@dataclass(frozen=True, slots=True)
class Authority:
    """Actor who makes or revokes tokens, and the schools whose tokens the actor manages.

    `token_id` is set if the actor is an API client: tokens made with a token end with it.
    """

    actor: str
    school_ids: Schools
    token_id: UUID | None = None

    def covers(self, school_ids: Schools) -> bool:
        """Return whether the actor manages all of these schools."""
        return is_within(school_ids, self.school_ids)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Registered token; times are UTC."""

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
        """Return the state at `now`."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        expired = self.expires_at is not None and self.expires_at <= now
        return TokenState.EXPIRED if expired else TokenState.VALID


class GrantError(Exception):
    """A grant that is not allowed; `message` states why, `field` names the form field to correct."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(code)
        self.field = field
        self.code = code
        self.message = message


def validate_grant(grant: Grant, by: Authority) -> Grant:
    """Return the grant with a normalised name. Raises GrantError if `by` may not make such a token."""
    name = " ".join(grant.name.split())
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise GrantError("name", "bad_name", f"Give it a name of up to {MAX_NAME_LENGTH} characters.")
    if not grant.rights or not grant.rights <= RIGHTS.keys():
        raise GrantError("rights", "bad_rights", f"Choose at least one of {', '.join(RIGHTS)}.")
    if not 1 <= grant.days <= MAX_LIFETIME_DAYS:
        raise GrantError("days", "bad_days", f"It can be valid for 1 to {MAX_LIFETIME_DAYS} days.")
    if grant.school_ids is not None and not grant.school_ids:
        raise GrantError("school_ids", "no_school", "Choose at least one school.")
    if not by.covers(grant.school_ids):
        raise GrantError("school_ids", "school_not_found", "There is no such school, or it is not yours.")
    return Grant(name, grant.rights, grant.school_ids, grant.days)
