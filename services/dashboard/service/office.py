"""Who works in the office: adding people, changing their roles, ending their work."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.dashboard.domain.office import (
    OfficeError,
    check_address,
    check_change,
    known_already,
    opens_more,
)
from services.dashboard.domain.staff import Role, Schools, Staff, fold_email, roles_in
from services.dashboard.service.passwords import hash_password
from services.dashboard.service.staff import NONE
from services.dashboard.storage import staff as storage
from shared.runtime.core import new_id
from shared.runtime.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class LetIn:
    """Somebody with roles, and the password made with the change, if one was: it is shown once."""

    staff: Staff
    password: str | None = field(repr=False)


async def add_person(
    database: Database, by: Staff | None, email: str, roles: Mapping[UUID | None, Role]
) -> LetIn:
    """An account with a password made here; it is `by` who gives the roles (None: the operator).

    Raises OfficeError, also for somebody who works here already: their roles are changed instead.
    """
    address = fold_email(check_address(email))
    password, hashed = await _made_password()
    async with database.transaction(schools=NONE) as tx:
        everybody = await storage.hold_staff(tx)
        member = Staff(new_id(), address, {})
        by = _now(by, everybody)
        check_change(by, everybody, member, roles)
        for one in everybody:
            if one.email == address:
                raise known_already(by, one)
        saved = await storage.save_account(tx, replace(member, roles=roles), hashed)
    return LetIn(saved, password)


async def give_role(
    database: Database, by: Staff | None, staff_id: UUID, role: Role, schools: Schools
) -> LetIn | None:
    """Give somebody a role in some schools, where it takes the place of another; in all, of every other.

    What opens more than before comes with a new password, and the sessions under the old one are over. None for
    nobody. Raises OfficeError, also where it would leave the installation without an owner.
    """

    def given(roles: Mapping[UUID | None, Role]) -> Mapping[UUID | None, Role]:
        return roles_in(role, schools) if schools is None else {**roles, **roles_in(role, schools)}

    password, hashed = await _made_password()
    async with database.transaction(schools=NONE) as tx:
        changed = await _change(tx, by, staff_id, given)
        if changed is None:
            return None
        before, after = changed
        if not opens_more(before, after):
            return LetIn(after, None)
        await storage.save_password(tx, staff_id, hashed)
    return LetIn(after, password)


async def end_work(database: Database, by: Staff | None, staff_id: UUID, schools: Schools) -> Staff | None:
    """Somebody works no longer in these schools (None: in any); answers what is left.

    With the last role go the sessions and what is open under them. None for nobody. Raises OfficeError as above.
    """

    def left(roles: Mapping[UUID | None, Role]) -> Mapping[UUID | None, Role]:
        return {} if schools is None else {one: role for one, role in roles.items() if one not in schools}

    async with database.transaction(schools=NONE) as tx:
        changed = await _change(tx, by, staff_id, left)
    return changed[1] if changed else None


async def _change(
    tx: Transaction,
    by: Staff | None,
    staff_id: UUID,
    change: Callable[[Mapping[UUID | None, Role]], Mapping[UUID | None, Role]],
) -> tuple[Staff, Staff] | None:
    """The person before and after."""
    everybody = await storage.hold_staff(tx)
    member = next((one for one in everybody if one.staff_id == staff_id), None)
    if member is None:
        return None
    changed = replace(member, roles=dict(change(member.roles)))
    check_change(_now(by, everybody), everybody, member, changed.roles)
    if changed.roles:
        await storage.save_roles(tx, changed)
    else:
        await storage.end_account(tx, staff_id)
    return member, changed


def _now(by: Staff | None, everybody: Sequence[Staff]) -> Staff | None:
    """Whoever asks, with the roles of this moment. Raises OfficeError when there are none any more."""
    if by is None:
        return None
    for one in everybody:
        if one.staff_id == by.staff_id:
            return one
    raise OfficeError("role", "ended", "You do not work here any more.")


async def _made_password() -> tuple[str, str]:
    """A password made here, and what is kept of it."""
    password = secrets.token_urlsafe(15)
    return password, await hash_password(password)


async def new_password(database: Database, staff_id: UUID) -> str:
    """A password made here, in place of the old one and of the sessions under it."""
    password, hashed = await _made_password()
    async with database.transaction(schools=NONE) as tx:
        await storage.save_password(tx, staff_id, hashed)
    return password


async def colleagues(database: Database, schools: Schools) -> list[Staff]:
    """All who work in one of the schools (None: all of the installation), each with the roles there only."""
    async with database.transaction(schools=NONE) as tx:
        everybody = await storage.hold_staff(tx)
    if schools is None:
        return everybody
    seen = (replace(one, roles={k: v for k, v in one.roles.items() if k in schools}) for one in everybody)
    return [one for one in seen if one.roles]


async def find_person(database: Database, email: str) -> Staff | None:
    """Somebody who works here, by address."""
    async with database.transaction(schools=NONE) as tx:
        account = await storage.find_account(tx, fold_email(email))
    return account.staff if account else None
