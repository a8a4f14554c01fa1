"""Who may give and take which roles, and that an owner is always left."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.dashboard.domain.staff import May, Role, Staff, within

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


class OfficeError(Exception):
    """This cannot be done; the text says why, `field` what to correct."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(code)
        self.field = field
        self.code = code
        self.message = message


def check_address(email: str) -> str:
    """The address as typed, without what stands around it. Raises OfficeError."""
    address = email.strip()
    if not _ADDRESS.fullmatch(address) or len(address) > 320 or not address.isprintable():
        raise OfficeError("email", "bad_email", "Enter an e-mail address.")
    return address


def check_change(
    by: Staff | None, everybody: Sequence[Staff], member: Staff, roles: Mapping[UUID | None, Role]
) -> None:
    """Whether `by` (None: the operator) may give `member` these roles. Raises OfficeError.

    What counts is what somebody may in a school before and after, also by a role in every school. Only owners make
    and unmake owners, and nobody changes anything outside the schools where they manage staff. A role in every school
    leaves no room for another in one school. The last owner of all schools stays: without one nobody could let
    anybody in.
    """
    after = replace(member, roles=roles)
    changed = {
        school_id
        for school_id in {*member.roles, *roles}
        if member.roles.get(school_id) is not roles.get(school_id)
    }
    for school_id in changed:
        _check_one(by, school_id, {member.role_in(school_id), after.role_in(school_id)})
    if changed and None in roles and not (changed & roles.keys() <= {None} and _manages_all(by)):
        raise OfficeError(
            "school_ids",
            "every_school",
            "This person has a role in every school: only that one can be changed.",
        )
    owners = {one.staff_id for one in everybody if one.roles.get(None) is Role.OWNER}
    if owners == {member.staff_id} and roles.get(None) is not Role.OWNER:
        raise OfficeError(
            "role", "last_owner", "This is the last owner of all schools. Make somebody else an owner first."
        )


def known_already(by: Staff | None, member: Staff) -> OfficeError:
    """What to tell who adds somebody with an account; nothing of it to those who do not see that person."""
    where = None if by is None else by.schools_where(May.MANAGE_STAFF)
    if where is None or where & member.roles.keys():
        return OfficeError("email", "known", "This person works here already: change the role instead.")
    return OfficeError("email", "owner_adds", "An owner has to add this person.")


def opens_more(before: Staff, after: Staff) -> bool:
    """Whether the account opens what it did not: another school, or as an owner.

    Whoever added it in one school may still hold its password, so it gets a new one.
    """
    owned = {school_id for school_id, role in before.roles.items() if role is Role.OWNER}
    owns = {school_id for school_id, role in after.roles.items() if role is Role.OWNER}
    return not within(after.school_ids, before.school_ids) or not (owns <= owned or None in owned)


def _manages_all(by: Staff | None) -> bool:
    return by is None or by.schools_where(May.MANAGE_STAFF) is None


def _check_one(by: Staff | None, school_id: UUID | None, touched: set[Role | None]) -> None:
    if by is None:
        return
    where = by.schools_where(May.MANAGE_STAFF)
    if not within(None if school_id is None else frozenset({school_id}), where):
        raise OfficeError("school_ids", "school_not_found", "There is no such school, or it is not yours.")
    if Role.OWNER in touched and by.role_in(school_id) is not Role.OWNER:
        raise OfficeError("role", "owners_only", "Only an owner makes somebody an owner, or changes one.")
