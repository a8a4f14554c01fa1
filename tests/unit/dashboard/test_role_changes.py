"""Rules for changing roles: who may give and take which role, and what widens access."""

from __future__ import annotations

from itertools import product
from uuid import UUID, uuid4

import pytest

from services.dashboard.domain.role_changes import (
    StaffError,
    already_staff_error,
    check_email,
    check_password_handover,
    check_role_change,
    widens_access,
)
from services.dashboard.domain.staff import Permission, Role, Staff

ELM, OAK = uuid4(), uuid4()


def _staff(roles: dict[UUID | None, Role], school_id: UUID | None = None) -> Staff:
    return Staff(uuid4(), "a@example.org", roles, school_id)


@pytest.mark.parametrize(
    ("by", "before", "after", "code"),
    [
        ({ELM: Role.ADMIN}, {}, {ELM: Role.VIEWER}, None),
        ({ELM: Role.ADMIN}, {OAK: Role.VIEWER}, {OAK: Role.VIEWER, ELM: Role.ADMIN}, None),
        ({ELM: Role.ADMIN}, {}, {OAK: Role.VIEWER}, "school_not_found"),
        ({ELM: Role.ADMIN}, {}, {None: Role.VIEWER}, "school_not_found"),
        ({ELM: Role.ADMIN}, {OAK: Role.VIEWER}, {}, "school_not_found"),
        ({ELM: Role.ADMIN}, {}, {ELM: Role.OWNER}, "owners_only"),
        ({ELM: Role.ADMIN}, {ELM: Role.OWNER}, {ELM: Role.VIEWER}, "owners_only"),
        ({ELM: Role.OWNER}, {}, {ELM: Role.OWNER}, None),
        ({ELM: Role.VIEWER}, {}, {ELM: Role.VIEWER}, "school_not_found"),
        ({None: Role.ADMIN}, {None: Role.OWNER}, {}, "owners_only"),
        ({None: Role.OWNER}, {None: Role.OWNER}, {}, None),
        # What a role in every school gives cannot be taken or given by way of one school.
        ({None: Role.ADMIN}, {None: Role.OWNER}, {None: Role.OWNER, ELM: Role.VIEWER}, "owners_only"),
        ({ELM: Role.ADMIN}, {None: Role.OWNER}, {None: Role.OWNER, ELM: Role.VIEWER}, "owners_only"),
        ({None: Role.OWNER}, {None: Role.OWNER}, {None: Role.OWNER, ELM: Role.VIEWER}, "every_school"),
        ({ELM: Role.ADMIN}, {None: Role.VIEWER}, {None: Role.VIEWER, ELM: Role.ADMIN}, "every_school"),
        ({ELM: Role.ADMIN}, {None: Role.ADMIN, ELM: Role.VIEWER}, {None: Role.ADMIN}, "every_school"),
        ({ELM: Role.ADMIN}, {None: Role.OWNER, ELM: Role.VIEWER}, {None: Role.OWNER}, "owners_only"),
        ({None: Role.OWNER}, {None: Role.ADMIN, ELM: Role.VIEWER}, {None: Role.ADMIN}, None),
        ({None: Role.OWNER}, {ELM: Role.VIEWER}, {None: Role.ADMIN}, None),
    ],
)
def test_who_may_give_and_take_which_roles(
    by: dict[UUID | None, Role],
    before: dict[UUID | None, Role],
    after: dict[UUID | None, Role],
    code: str | None,
) -> None:
    manager, member = _staff(by), _staff(before)
    everybody = [manager, member, _staff({None: Role.OWNER})]
    if code is None:
        check_role_change(manager, everybody, member, after)
        return
    with pytest.raises(StaffError) as caught:
        check_role_change(manager, everybody, member, after)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        ({ELM: Role.VIEWER}, {ELM: Role.ADMIN}, False),
        ({ELM: Role.VIEWER}, {ELM: Role.OWNER}, True),
        ({ELM: Role.VIEWER}, {ELM: Role.VIEWER, OAK: Role.VIEWER}, True),
        ({ELM: Role.ADMIN}, {None: Role.VIEWER}, True),
        ({None: Role.VIEWER}, {None: Role.ADMIN}, False),
        ({None: Role.ADMIN}, {None: Role.OWNER}, True),
        ({None: Role.OWNER}, {ELM: Role.OWNER}, False),
        ({ELM: Role.OWNER, OAK: Role.VIEWER}, {ELM: Role.OWNER}, False),
    ],
)
def test_what_an_account_did_not_open_before(
    before: dict[UUID | None, Role], after: dict[UUID | None, Role], more: bool
) -> None:
    assert widens_access(_staff(before), _staff(after)) is more


CHOICES: tuple[Role | None, ...] = (None, *Role)


def _roles(
    in_elm: Role | None, in_oak: Role | None, everywhere: Role | None = None
) -> dict[UUID | None, Role]:
    places: tuple[tuple[UUID | None, Role | None], ...] = ((ELM, in_elm), (OAK, in_oak), (None, everywhere))
    return {school_id: role for school_id, role in places if role is not None}


IN_TWO_SCHOOLS = [
    *(_roles(in_elm, in_oak) for in_elm, in_oak in product(CHOICES, CHOICES)),
    *(_roles(None, None, role) for role in Role),
]


@pytest.mark.parametrize("by_roles", IN_TWO_SCHOOLS)
def test_nobody_is_shown_a_password_that_opens_a_school_they_do_not_manage(
    by_roles: dict[UUID | None, Role],
) -> None:
    by = _staff(by_roles)
    for before, after in product(map(_staff, IN_TWO_SCHOOLS), map(_staff, IN_TWO_SCHOOLS)):
        opened = {school for school in (ELM, OAK) if before.can_see(school) or after.can_see(school)}
        installation = None in before.roles or None in after.roles
        managed = by.schools_with(Permission.MANAGE_STAFF)
        may = managed is None or (opened <= managed and not installation)
        if may:
            check_password_handover(by, before, after)
            continue
        with pytest.raises(StaffError, match="owner_widens"):
            check_password_handover(by, before, after)


def test_the_operator_may_be_shown_every_new_password() -> None:
    check_password_handover(None, _staff({ELM: Role.VIEWER}), _staff({None: Role.OWNER}))


@pytest.mark.parametrize("after", [{}, {None: Role.ADMIN}, {ELM: Role.OWNER}])
def test_the_last_owner_stays_whoever_makes_the_change(after: dict[UUID | None, Role]) -> None:
    last = _staff({None: Role.OWNER})
    for by in (last, None):
        with pytest.raises(StaffError, match="last_owner"):
            check_role_change(by, [last, _staff({ELM: Role.OWNER})], last, after)
        check_role_change(by, [last, _staff({None: Role.OWNER})], last, after)


def test_the_operator_too_gives_no_role_beside_one_in_every_school() -> None:
    member = _staff({None: Role.OWNER})
    with pytest.raises(StaffError, match="every_school"):
        check_role_change(
            None, [member, _staff({None: Role.OWNER})], member, {**member.roles, ELM: Role.VIEWER}
        )


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@c", "a b@c.example", "a@" + "x" * 319, "a\x07@b.example"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(StaffError, match="bad_email"):
        check_email(email)


def test_an_address_is_taken_without_surrounding_blanks() -> None:
    longest = "a@" + "x" * 318
    assert check_email(f"  {longest} ") == longest


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (None, "known"),
        ({None: Role.ADMIN}, "known"),
        ({ELM: Role.ADMIN}, "known"),
        ({OAK: Role.ADMIN}, "owner_adds"),
        ({ELM: Role.VIEWER}, "owner_adds"),
    ],
)
def test_an_existing_account_is_not_revealed_to_those_who_cannot_see_it(
    by: dict[UUID | None, Role] | None, code: str
) -> None:
    manager = None if by is None else _staff(by)
    assert already_staff_error(manager, _staff({ELM: Role.VIEWER})).code == code
