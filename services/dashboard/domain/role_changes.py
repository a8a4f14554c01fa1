"""Rules for adding staff and changing their roles. The installation always keeps an owner of all schools."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.dashboard.domain.staff import Permission, Role, Staff, is_within

MAX_EMAIL_LENGTH = 320
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class StaffError(Exception):
    """A change of staff that is not allowed; `message` states why, `field` names the form field to correct."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(code)
        self.field = field
        self.code = code
        self.message = message


def check_email(email: str) -> str:
    """Return the e-mail address without surrounding blanks. Raises StaffError if it is not an address."""
    address = email.strip()
    if not _EMAIL.fullmatch(address) or len(address) > MAX_EMAIL_LENGTH or not address.isprintable():
        raise StaffError("email", "bad_email", "Enter an e-mail address.")
    return address


def check_role_change(
    by: Staff | None, all_staff: Sequence[Staff], member: Staff, roles: Mapping[UUID | None, Role]
) -> None:
    """Check that `by` (None: the operator) may give `member` exactly these roles. Raises StaffError.

    Compared is the effective role in a school before and after, which may come from a role in every school. Only
    owners may make, change or remove owners, and nobody changes roles outside the schools where they manage staff. A
    member with a role in every school has no separate role in a single school. The last owner of all schools cannot
    be removed, because nobody could add staff afterwards.
    """
    after = replace(member, roles=roles)
    changed = {
        school_id
        for school_id in {*member.roles, *roles}
        if member.roles.get(school_id) is not roles.get(school_id)
    }
    for school_id in changed:
        _check_school(by, school_id, {member.role_in(school_id), after.role_in(school_id)})
    if changed and None in roles and not (changed & roles.keys() <= {None} and _manages_all_schools(by)):
        raise StaffError(
            "school_ids",
            "every_school",
            "This person has a role in every school: only that one can be changed.",
        )
    owner_ids = {staff.staff_id for staff in all_staff if staff.roles.get(None) is Role.OWNER}
    if owner_ids == {member.staff_id} and roles.get(None) is not Role.OWNER:
        raise StaffError(
            "role", "last_owner", "This is the last owner of all schools. Make somebody else an owner first."
        )


def already_staff_error(by: Staff | None, member: Staff) -> StaffError:
    """Return the error for adding an existing member; it does not reveal the account to those who cannot see it."""
    schools = None if by is None else by.schools_with(Permission.MANAGE_STAFF)
    if schools is None or schools & member.roles.keys():
        return StaffError("email", "known", "This person works here already: change the role instead.")
    return StaffError("email", "owner_adds", "An owner has to add this person.")


def widens_access(before: Staff, after: Staff) -> bool:
    """Return whether the account gains a school or becomes an owner, and so needs a new password.

    Whoever added the account in one school may still know its password.
    """
    owned_before = {school_id for school_id, role in before.roles.items() if role is Role.OWNER}
    owned_after = {school_id for school_id, role in after.roles.items() if role is Role.OWNER}
    gains_school = not is_within(after.school_ids, before.school_ids)
    return gains_school or not (owned_after <= owned_before or None in owned_before)


def check_password_handover(by: Staff | None, before: Staff, after: Staff) -> None:
    """Check that `by` (None: the operator) may be shown a new password of an account whose roles change.

    The password opens every school of the account, so it is shown only to somebody who manages staff in all of them,
    those of before the change included. Raises StaffError.
    """
    if by is None:
        return
    managed = by.schools_with(Permission.MANAGE_STAFF)
    if not (is_within(before.school_ids, managed) and is_within(after.school_ids, managed)):
        raise StaffError(
            "role",
            "owner_widens",
            "More access comes with a new password, which opens everything this person works with. "
            "Somebody who manages staff in all their schools has to give it.",
        )


def _manages_all_schools(by: Staff | None) -> bool:
    return by is None or by.schools_with(Permission.MANAGE_STAFF) is None


def _check_school(by: Staff | None, school_id: UUID | None, affected_roles: set[Role | None]) -> None:
    if by is None:
        return
    managed = by.schools_with(Permission.MANAGE_STAFF)
    if not is_within(None if school_id is None else frozenset({school_id}), managed):
        raise StaffError("school_ids", "school_not_found", "There is no such school, or it is not yours.")
    if Role.OWNER in affected_roles and by.role_in(school_id) is not Role.OWNER:
        raise StaffError("role", "owners_only", "Only an owner makes somebody an owner, or changes one.")
