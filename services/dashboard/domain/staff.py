"""Staff with their roles and permissions, and the rate limits for passwords.

Only owners and admins get the Parents list (C7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID


class Role(StrEnum):
    """Role of a member of staff in a school or in the installation."""

    OWNER = "owner"
    ADMIN = "admin"
    VIEWER = "viewer"
    FRONT_DESK = "front_desk"


class Permission(StrEnum):
    """Permission that a page or a button needs."""

    VIEW = "view"
    LIST_PARENTS = "list_parents"
    INVITE = "invite"
    EDIT = "edit"
    INVITE_MANY = "invite_many"
    IMPORT = "import"
    ADD_SCHOOL = "add_school"
    MANAGE_STAFF = "manage_staff"
    MANAGE_TOKENS = "manage_tokens"


ALL_PERMISSIONS = frozenset(Permission)
PERMISSIONS = {
    Role.OWNER: ALL_PERMISSIONS,
    Role.ADMIN: ALL_PERMISSIONS,
    Role.FRONT_DESK: frozenset({Permission.VIEW, Permission.INVITE, Permission.EDIT}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}

Schools: TypeAlias = frozenset[UUID] | None
"""Set of school ids; None stands for every school of the installation."""


def is_within(part: Schools, whole: Schools) -> bool:
    """Return whether all schools of `part` belong to `whole`."""
    return whole is None or (part is not None and part <= whole)


@dataclass(frozen=True, slots=True)
class Staff:
    """Member of staff with a role per school; the role under None holds wherever there is no own one.

    `current_school_id` is the school whose page is shown, if there is one.
    """

    staff_id: UUID
    email: str = field(repr=False)
    roles: Mapping[UUID | None, Role]
    current_school_id: UUID | None = None

    @property
    def actor(self) -> str:
        """Actor in events: the id, never the e-mail address."""
        return f"staff:{self.staff_id}"

    @property
    def school_ids(self) -> Schools:
        """Schools in which this person has a role."""
        if None in self.roles:
            return None
        return frozenset(school_id for school_id in self.roles if school_id is not None)

    def role_in(self, school_id: UUID | None) -> Role | None:
        """Return the effective role in a school, or (None) in the installation as a whole."""
        return self.roles.get(school_id) or self.roles.get(None)

    def may(self, permission: Permission) -> bool:
        """Return whether the permission is given in the current school, or in any school where there is none.

        Only roles in every school permit adding a school.
        """
        if permission is Permission.ADD_SCHOOL:
            return permission in _permissions(self.roles.get(None))
        if self.current_school_id is not None:
            return permission in _permissions(self.role_in(self.current_school_id))
        return any(permission in _permissions(role) for role in self.roles.values())

    def schools_with(self, permission: Permission) -> Schools:
        """Return the schools in which the permission is given.

        A role in every school does not count as every school if a lesser role in a single school takes precedence.
        """
        permitted = frozenset(
            school_id
            for school_id, role in self.roles.items()
            if school_id is not None and permission in _permissions(role)
        )
        everywhere = permission in _permissions(self.roles.get(None))
        excluded = [
            school_id for school_id in self.roles if school_id is not None and school_id not in permitted
        ]
        return None if everywhere and not excluded else permitted

    def can_see(self, school_id: UUID) -> bool:
        """Return whether this person has any role in the school."""
        return self.role_in(school_id) is not None


def assign_role(role: Role, schools: Schools) -> dict[UUID | None, Role]:
    """Return the roles of somebody with one role in each of the schools, or in every school."""
    return {None: role} if schools is None else dict.fromkeys(schools, role)


def _permissions(role: Role | None) -> frozenset[Permission]:
    return frozenset() if role is None else PERMISSIONS[role]


def normalise_email(address: str) -> str:
    """Return the form of an e-mail address by which an account is found."""
    return address.strip().casefold()


@dataclass(frozen=True, slots=True)
class PasswordLimit:
    """Rate limit: at most `limit` wrong passwords per `key` in ten minutes. A right password is not counted."""

    key: str
    limit: int


ADDRESS_LIMIT = 100
ACCOUNT_LIMIT = 100
PAIR_LIMIT = 10


def password_limits(account: str, address: str, device: str | None) -> Sequence[PasswordLimit]:
    """Return the rate limits of one sign-in attempt from a network address.

    A whole school may share one network address, so the limit per address is generous; the one for an address and an
    account together is tight. A browser in which this person has signed in before (`device`) has a limit of its own,
    so that attempts from elsewhere cannot lock the person out.
    """
    if device is not None:
        return [PasswordLimit(f"device:{device}:{account}", PAIR_LIMIT)]
    return [
        PasswordLimit(f"address:{address}", ADDRESS_LIMIT),
        PasswordLimit(f"account:{account}", ACCOUNT_LIMIT),
        PasswordLimit(f"pair:{address}:{account}", PAIR_LIMIT),
    ]
