"""Staff: roles and what each may do. Only owners and admins get the Parents list (C7)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
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


EVERYTHING = frozenset(May)
PERMISSIONS = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: EVERYTHING,
    Role.FRONT_DESK: frozenset({May.VIEW, May.INVITE, May.EDIT}),
    Role.VIEWER: frozenset({May.VIEW}),
}


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff who is signed in; `school_ids` None means every school of the installation."""

    staff_id: UUID
    email: str = field(repr=False)
    role: Role
    school_ids: frozenset[UUID] | None = None

    @property
    def actor(self) -> str:
        """How events name this person: by id, never by address."""
        return f"staff:{self.staff_id}"

    def may(self, permission: May) -> bool:
        """A new school is for those who see all schools."""
        if permission is May.ADD_SCHOOL and self.school_ids is not None:
            return False
        return permission in PERMISSIONS[self.role]

    def sees(self, school_id: UUID) -> bool:
        return self.school_ids is None or school_id in self.school_ids


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
