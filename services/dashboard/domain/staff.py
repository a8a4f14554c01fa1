"""Staff: roles and what each may do. Only owners and admins get the Parents list (C7)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID


class Role(StrEnum):
    """What somebody is in the office."""

    OWNER = "owner"
    ADMIN = "admin"
    VIEWER = "viewer"
    FRONT_DESK = "front_desk"


class May(StrEnum):
    """What a page or a button needs."""

    VIEW = "view"
    LIST_PARENTS = "list_parents"
    INVITE = "invite"
    EDIT = "edit"
    INVITE_MANY = "invite_many"
    IMPORT = "import"
    ADD_SCHOOL = "add_school"
    MANAGE_STAFF = "manage_staff"
    MANAGE_TOKENS = "manage_tokens"


EVERYTHING = frozenset(May)
PERMISSIONS = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: EVERYTHING,
    Role.FRONT_DESK: frozenset({May.VIEW, May.INVITE, May.EDIT}),
    Role.VIEWER: frozenset({May.VIEW}),
}


Schools: TypeAlias = frozenset[UUID] | None
"""Some schools, or (None) every school of the installation."""


def within(part: Schools, whole: Schools) -> bool:
    """Whether all of `part` belong to `whole`."""
    return whole is None or (part is not None and part <= whole)


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff: a role per school; the role under None holds wherever there is none of its own.

    `here` is the school that is being looked at, where there is one.
    """

    staff_id: UUID
    email: str = field(repr=False)
    roles: Mapping[UUID | None, Role]
    here: UUID | None = None

    @property
    def actor(self) -> str:
        """How events name this person: by id, never by address."""
        return f"staff:{self.staff_id}"

    @property
    def school_ids(self) -> Schools:
        return None if None in self.roles else frozenset(one for one in self.roles if one is not None)

    def role_in(self, school_id: UUID | None) -> Role | None:
        """The role in a school, or (None) in the installation as a whole."""
        return self.roles.get(school_id) or self.roles.get(None)

    def may(self, permission: May) -> bool:
        """In the school that is looked at; elsewhere: in any. A new school is for those who see all schools."""
        if permission is May.ADD_SCHOOL:
            return permission in _permissions(self.roles.get(None))
        if self.here is not None:
            return permission in _permissions(self.role_in(self.here))
        return any(permission in _permissions(role) for role in self.roles.values())

    def schools_where(self, permission: May) -> Schools:
        """Where this person may. A lesser role of its own in one school takes that one out of all schools."""
        where = frozenset(
            one for one, role in self.roles.items() if one is not None and permission in _permissions(role)
        )
        everywhere = permission in _permissions(self.roles.get(None))
        lesser = [one for one in self.roles if one is not None and one not in where]
        return None if everywhere and not lesser else where

    def sees(self, school_id: UUID) -> bool:
        return self.role_in(school_id) is not None


def roles_in(role: Role, schools: Schools) -> dict[UUID | None, Role]:
    """One role in each of some schools, or everywhere."""
    return {None: role} if schools is None else dict.fromkeys(schools, role)


def _permissions(role: Role | None) -> frozenset[May]:
    return frozenset() if role is None else PERMISSIONS[role]


def fold_email(address: str) -> str:
    """The form in which an address names an account."""
    return address.strip().casefold()


@dataclass(frozen=True, slots=True)
class Brake:
    """At most `limit` wrong passwords per `key` in ten minutes. A right one gives its count back."""

    key: str
    limit: int


ADDRESS_LIMIT = 100
ACCOUNT_LIMIT = 100
PAIR_LIMIT = 10


def brakes(account: str, address: str, device: str | None) -> Collection[Brake]:
    """What slows guessing without locking anybody out.

    A whole office may share one address, so it is generous; from one address to one account it is tight. A browser
    that this person has signed in with before (`device`) is counted by itself, so that guessers elsewhere cannot
    keep the person out.
    """
    if device is not None:
        return [Brake(f"device:{device}:{account}", PAIR_LIMIT)]
    return [
        Brake(f"address:{address}", ADDRESS_LIMIT),
        Brake(f"account:{account}", ACCOUNT_LIMIT),
        Brake(f"pair:{address}:{account}", PAIR_LIMIT),
    ]
