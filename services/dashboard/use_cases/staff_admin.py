"""Manage staff: add members, change their roles, end their access, reset passwords."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.dashboard.domain.role_changes import (
    StaffError,
    already_staff_error,
    check_email,
    check_password_handover,
    check_role_change,
    widens_access,
)
from services.dashboard.domain.staff import Role, Schools, Staff, assign_role, normalise_email
from services.dashboard.storage import staff as storage
from services.dashboard.use_cases.passwords import hash_password
from shared.runtime.core import new_id
from shared.runtime.database import Database, Transaction

Roles = Mapping[UUID | None, Role]


@dataclass(frozen=True, slots=True)
class NewAccess:
    """Member of staff after a change; `password` is the new password, shown once, if the change made one."""

    staff: Staff
    password: str | None = field(repr=False)


async def add_staff_member(database: Database, by: Staff | None, email: str, roles: Roles) -> NewAccess:
    """Create an account with a generated password; `by` (None: the operator) gives the roles.

    Raises StaffError, also if the person has an account already: then the roles are to be changed instead.
    """
    address = normalise_email(check_email(email))
    password, password_hash = await _generate_password()
    async with database.transaction(schools=()) as tx:
        all_staff = await storage.claim_all_staff(tx)
        member = Staff(new_id(), address, {})
        by = _with_current_roles(by, all_staff)
        check_role_change(by, all_staff, member, roles)
        for existing in all_staff:
            if existing.email == address:
                raise already_staff_error(by, existing)
        saved = await storage.save_account(tx, replace(member, roles=roles), password_hash)
    return NewAccess(saved, password)


async def change_role(
    database: Database, by: Staff | None, staff_id: UUID, role: Role, schools: Schools
) -> NewAccess | None:
    """Give a role in some schools, where it replaces the previous one, or in every school, where it replaces all.

    If the change widens the access, the account gets a new password and its sessions end; then `by` has to manage
    staff in every school of the account. Return None if there is no such account. Raises StaffError, also if the
    installation would be left without an owner.
    """

    def with_role(roles: Roles) -> Roles:
        return assign_role(role, schools) if schools is None else {**roles, **assign_role(role, schools)}

    password, password_hash = await _generate_password()
    async with database.transaction(schools=()) as tx:
        changed = await _change_roles(tx, by, staff_id, with_role)
        if changed is None:
            return None
        before, after = changed
        if not widens_access(before, after):
            return NewAccess(after, None)
        check_password_handover(by, before, after)
        await storage.save_password(tx, staff_id, password_hash)
    return NewAccess(after, password)


async def end_access(database: Database, by: Staff | None, staff_id: UUID, schools: Schools) -> Staff | None:
    """Remove the roles in these schools (None: in all) and return the member with the roles that remain.

    With the last role the account and its sessions end. Return None if there is no such account. Raises StaffError.
    """

    def without_schools(roles: Roles) -> Roles:
        if schools is None:
            return {}
        return {school_id: role for school_id, role in roles.items() if school_id not in schools}

    async with database.transaction(schools=()) as tx:
        changed = await _change_roles(tx, by, staff_id, without_schools)
    return changed[1] if changed else None


async def reset_password(database: Database, staff_id: UUID) -> str:
    """Replace the password by a generated one, end the account's sessions, and return the password."""
    password, password_hash = await _generate_password()
    async with database.transaction(schools=()) as tx:
        await storage.save_password(tx, staff_id, password_hash)
    return password


async def ensure_owner(database: Database, email: str, password: str) -> None:
    """Make the person an owner of all schools unless they are one already.

    The password is set only when the account becomes an owner here, so that a later password survives a restart.
    """
    address = normalise_email(email)
    async with database.transaction(schools=()) as tx:
        all_staff = await storage.claim_all_staff(tx)
        if not any(staff.email == address and staff.roles.get(None) is Role.OWNER for staff in all_staff):
            owner = Staff(new_id(), address, {None: Role.OWNER})
            await storage.save_account(tx, owner, await hash_password(password))


async def list_staff(database: Database, schools: Schools) -> list[Staff]:
    """Return all staff of the schools (None: of the installation), each with the roles in these schools only."""
    async with database.transaction(schools=()) as tx:
        all_staff = await storage.claim_all_staff(tx)
    if schools is None:
        return all_staff
    visible = (
        replace(member, roles={key: role for key, role in member.roles.items() if key in schools})
        for member in all_staff
    )
    return [member for member in visible if member.roles]


async def find_staff_member(database: Database, email: str) -> Staff | None:
    """Return the active member of staff with this e-mail address, or None."""
    async with database.transaction(schools=()) as tx:
        account = await storage.find_account(tx, normalise_email(email))
    return account.staff if account else None


async def _change_roles(
    tx: Transaction, by: Staff | None, staff_id: UUID, change: Callable[[Roles], Roles]
) -> tuple[Staff, Staff] | None:
    """Apply `change` to the roles and return the member before and after it."""
    all_staff = await storage.claim_all_staff(tx)
    member = next((staff for staff in all_staff if staff.staff_id == staff_id), None)
    if member is None:
        return None
    changed = replace(member, roles=dict(change(member.roles)))
    check_role_change(_with_current_roles(by, all_staff), all_staff, member, changed.roles)
    if changed.roles:
        await storage.save_roles(tx, changed)
    else:
        await storage.end_account(tx, staff_id)
    return member, changed


def _with_current_roles(by: Staff | None, all_staff: Sequence[Staff]) -> Staff | None:
    """Return `by` with the roles of this moment. Raises StaffError if the account has ended."""
    if by is None:
        return None
    for staff in all_staff:
        if staff.staff_id == by.staff_id:
            return staff
    raise StaffError("role", "ended", "You do not work here any more.")


async def _generate_password() -> tuple[str, str]:
    """Return a random password and its hash."""
    password = secrets.token_urlsafe(15)
    return password, await hash_password(password)
