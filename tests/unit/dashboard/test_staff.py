"""Roles, permissions and password limits."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.dashboard.domain.staff import (
    PERMISSIONS,
    PasswordLimit,
    Permission,
    Role,
    Staff,
    assign_role,
    is_within,
    normalise_email,
    password_limits,
)

ELM, OAK = uuid4(), uuid4()


def _staff(roles: dict[UUID | None, Role], school_id: UUID | None = None) -> Staff:
    return Staff(uuid4(), "a@example.org", roles, school_id)


def test_roles_are_stored_under_their_names() -> None:
    assert [role.value for role in Role] == ["owner", "admin", "viewer", "front_desk"]


def test_each_role_has_its_permissions() -> None:
    assert PERMISSIONS[Role.OWNER] == PERMISSIONS[Role.ADMIN] == frozenset(Permission)
    assert PERMISSIONS[Role.FRONT_DESK] == {Permission.VIEW, Permission.INVITE, Permission.EDIT}
    assert PERMISSIONS[Role.VIEWER] == {Permission.VIEW}


def test_staff_see_the_schools_in_which_they_have_a_role() -> None:
    assert _staff({ELM: Role.VIEWER}).can_see(ELM)
    assert not _staff({ELM: Role.VIEWER}).can_see(OAK)
    assert _staff({None: Role.VIEWER}).can_see(OAK)


def test_a_role_holds_in_its_school_and_in_no_other() -> None:
    roles: dict[UUID | None, Role] = {ELM: Role.ADMIN, OAK: Role.VIEWER}
    assert _staff(roles, ELM).may(Permission.IMPORT)
    assert not _staff(roles, OAK).may(Permission.IMPORT)
    assert not _staff(roles, uuid4()).may(Permission.VIEW)
    assert _staff(roles).may(Permission.MANAGE_TOKENS)
    assert _staff(roles).schools_with(Permission.MANAGE_TOKENS) == frozenset({ELM})
    assert _staff(roles).school_ids == frozenset({ELM, OAK})
    assert not _staff(roles).may(Permission.ADD_SCHOOL)


def test_a_schools_own_role_goes_before_that_of_all_schools() -> None:
    person = _staff({None: Role.ADMIN, OAK: Role.VIEWER})
    assert person.role_in(ELM) is Role.ADMIN
    assert person.role_in(OAK) is Role.VIEWER
    assert person.school_ids is None
    assert person.schools_with(Permission.MANAGE_STAFF) == frozenset()
    assert person.may(Permission.ADD_SCHOOL)


def test_schools_with_a_permission() -> None:
    assert _staff({None: Role.ADMIN}).schools_with(Permission.IMPORT) is None
    assert _staff({None: Role.ADMIN, OAK: Role.OWNER}).schools_with(Permission.IMPORT) is None
    assert _staff({None: Role.VIEWER, OAK: Role.ADMIN}).schools_with(Permission.IMPORT) == frozenset({OAK})
    assert _staff({ELM: Role.ADMIN, OAK: Role.VIEWER}).schools_with(Permission.IMPORT) == frozenset({ELM})
    assert _staff({ELM: Role.ADMIN, OAK: Role.VIEWER}).schools_with(Permission.VIEW) == frozenset({ELM, OAK})


def test_without_a_current_school_a_role_in_any_school_counts() -> None:
    roles: dict[UUID | None, Role] = {ELM: Role.VIEWER, OAK: Role.ADMIN}
    assert _staff(roles).may(Permission.IMPORT)
    assert _staff(roles, OAK).may(Permission.IMPORT)
    assert not _staff(roles, ELM).may(Permission.IMPORT)
    assert not _staff({}).may(Permission.VIEW)


def test_only_a_role_in_every_school_permits_adding_one() -> None:
    assert _staff({None: Role.OWNER}).may(Permission.ADD_SCHOOL)
    assert not _staff({None: Role.VIEWER}).may(Permission.ADD_SCHOOL)
    assert not _staff({ELM: Role.OWNER}, ELM).may(Permission.ADD_SCHOOL)


def test_a_role_is_assigned_in_some_schools_or_in_all() -> None:
    assert assign_role(Role.ADMIN, None) == {None: Role.ADMIN}
    assert assign_role(Role.VIEWER, frozenset({ELM, OAK})) == {ELM: Role.VIEWER, OAK: Role.VIEWER}


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (None, None, True),
        (frozenset({ELM}), None, True),
        (None, frozenset({ELM}), False),
        (frozenset({ELM}), frozenset({ELM}), True),
        (frozenset({ELM, OAK}), frozenset({ELM}), False),
    ],
)
def test_some_schools_lie_within_others(
    part: frozenset[UUID] | None, whole: frozenset[UUID] | None, expected: bool
) -> None:
    assert is_within(part, whole) is expected


def test_a_known_device_has_a_limit_of_its_own() -> None:
    assert password_limits("a@b.example", "10.0.0.1", "x") == [PasswordLimit("device:x:a@b.example", 10)]
    assert password_limits("a@b.example", "10.0.0.1", None) == [
        PasswordLimit("address:10.0.0.1", 100),
        PasswordLimit("account:a@b.example", 100),
        PasswordLimit("pair:10.0.0.1:a@b.example", 10),
    ]


def test_an_account_is_found_whatever_the_case_of_its_address() -> None:
    assert normalise_email("  Ada@Example.ORG ") == "ada@example.org"
    member = _staff({})
    assert member.actor == f"staff:{member.staff_id}"
    assert member.email not in repr(member)
