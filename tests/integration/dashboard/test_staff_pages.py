"""Staff pages: members are added, get another role and lose access; their sessions and pages end with it."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from services.dashboard.domain.api_tokens import Authority, Grant
from services.dashboard.domain.role_changes import StaffError
from services.dashboard.domain.staff import Role
from services.dashboard.use_cases.create_token import create_token
from services.dashboard.use_cases.revoke_token import revoke_token
from services.dashboard.use_cases.sign_in import SignedIn, SignInAttempt, find_signed_in_staff
from services.dashboard.use_cases.sign_in import sign_in as check_password
from services.dashboard.use_cases.staff_admin import (
    add_staff_member,
    change_role,
    end_access,
    ensure_owner,
    find_staff_member,
    list_staff,
)
from services.dashboard.views.actors import list_actor_names
from shared.runtime.database import Database
from tests.integration.dashboard.builders import add_member
from tests.integration.dashboard.conftest import OWNER, PASSWORD, SignInAs
from tests.integration.dashboard.driver import DashboardDriver, deliver, sign_in
from tests.support.apps import AUTH_SECRET
from tests.unit.dashboard.builders import Story

PAGE = "/admin/staff"


async def _id_of(database: Database, email: str) -> UUID:
    member = await find_staff_member(database, email)
    assert member
    return member.staff_id


async def _may_sign_in(database: Database, email: str, password: str) -> bool:
    result = await check_password(database, SignInAttempt(email, password, "127.0.0.1"), timedelta(hours=1))
    return isinstance(result, SignedIn)


async def test_somebody_is_added_with_a_password_shown_once(
    dashboard: DashboardDriver, database: Database, fresh: Story
) -> None:
    fields = {"email": " Desk@Elm.example ", "role": "front_desk", "school_ids": str(fresh.school_id)}
    shown = await dashboard.post(PAGE, on=PAGE, **fields)
    password = re.search(r'class="secret">([\w-]+)<', shown.text)
    assert password
    assert await _may_sign_in(database, "desk@elm.example", password[1])
    assert password[1] not in (await dashboard.get(PAGE)).text
    again = await dashboard.post(PAGE, on=PAGE, **fields)
    assert again.status_code == 422
    assert "works here already" in again.text
    assert await _may_sign_in(database, "desk@elm.example", password[1])


async def test_what_opens_another_school_comes_with_a_new_password(
    dashboard: DashboardDriver, database: Database, fresh: Story
) -> None:
    schools = frozenset({fresh.school_id})
    member = await add_member(database, "head@example.org", Role.VIEWER, schools)
    change = f"{PAGE}/{member.staff_id}/role"
    lesser = await dashboard.post(change, on=PAGE, role="admin", school_ids=str(fresh.school_id))
    assert lesser.status_code == 303
    opened = await check_password(
        database, SignInAttempt("head@example.org", member.password, "127.0.0.1"), timedelta(hours=1)
    )
    assert isinstance(opened, SignedIn)
    shown = await dashboard.post(change, on=PAGE, role="admin", every_school="true")
    async with database.transaction() as tx:
        assert await find_signed_in_staff(tx, opened.session) is None
    password = re.search(r'class="secret">([\w-]+)<', shown.text)
    assert password
    assert not await _may_sign_in(database, "head@example.org", member.password)
    assert await _may_sign_in(database, "head@example.org", password[1])
    assert await _roles(database, "head@example.org") == {None: Role.ADMIN}


async def test_a_role_in_one_school_shows_no_password_that_opens_another(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    other = Story()
    await deliver(database, [other.school()])
    elm, oak = frozenset({fresh.school_id}), frozenset({other.school_id})
    owner = await add_member(database, "owner@elm.example", Role.OWNER, elm)
    victim = await add_member(database, "head@oak.example", Role.ADMIN, oak)
    with pytest.raises(StaffError, match="owner_widens"):
        await change_role(database, owner.staff, victim.staff_id, Role.VIEWER, elm)
    assert await _may_sign_in(database, "head@oak.example", victim.password or "")
    given = await change_role(database, None, victim.staff_id, Role.VIEWER, elm)
    assert given
    assert given.password
    browser = await sign_in(guest, "owner@elm.example", owner.password or "")
    fields = {"role": "owner", "school_ids": str(fresh.school_id)}
    refused = await browser.post(f"{PAGE}/{victim.staff_id}/role", on=PAGE, **fields)
    assert refused.status_code == 303
    shown = (await browser.get(PAGE)).text
    assert "has to give it" in shown
    assert 'class="secret"' not in shown
    assert await _may_sign_in(database, "head@oak.example", given.password)


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "nobody", "role": "viewer", "every_school": "true"},
        {"email": "a@b.example", "role": "king", "every_school": "true"},
        {"email": "a@b.example", "role": "viewer"},
        {"email": "a@b.example", "role": "viewer", "school_ids": str(uuid4())},
    ],
)
async def test_a_wrong_form_is_refused(
    dashboard: DashboardDriver, database: Database, fields: dict[str, str]
) -> None:
    assert (await dashboard.post(PAGE, on=PAGE, **fields)).status_code == 422
    assert [member.email for member in await list_staff(database, None)] == [OWNER]


async def test_a_role_per_school_holds_at_once(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    other = Story()
    await deliver(database, [other.school()])
    own_page, other_page = (
        f"/admin/schools/{fresh.school_id}/import",
        f"/admin/schools/{other.school_id}/import",
    )
    member = await add_member(database, "a@example.org", Role.VIEWER, frozenset({fresh.school_id}))
    browser = await sign_in(guest, "a@example.org", member.password)
    assert [(await browser.get(page)).status_code for page in (own_page, other_page)] == [403, 404]
    await change_role(database, None, member.staff_id, Role.ADMIN, frozenset({fresh.school_id}))
    more = await change_role(database, None, member.staff_id, Role.VIEWER, frozenset({other.school_id}))
    assert more
    assert more.password
    browser = await sign_in(guest, "a@example.org", more.password)
    assert [(await browser.get(page)).status_code for page in (own_page, other_page)] == [200, 403]
    await end_access(database, None, member.staff_id, frozenset({fresh.school_id}))
    assert [(await browser.get(page)).status_code for page in (own_page, other_page)] == [404, 403]


async def test_ending_signs_out_at_once_and_keeps_the_name_of_who_did_what(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    member = await add_member(database, "a@example.org", Role.ADMIN, frozenset({fresh.school_id}))
    browser = await sign_in(guest, "a@example.org", member.password)
    assert (await browser.get("/admin/schools")).status_code == 200
    await end_access(database, None, member.staff_id, None)
    response = await browser.get("/admin/schools")
    assert (response.status_code, response.headers["location"]) == (303, "/admin/login")
    assert not await _may_sign_in(database, "a@example.org", member.password)
    assert await find_staff_member(database, "a@example.org") is None
    async with database.transaction() as tx:
        assert await list_actor_names(tx, [member.staff.actor]) == {member.staff.actor: "a@example.org"}
    back = await add_staff_member(database, None, "a@example.org", {fresh.school_id: Role.VIEWER})
    assert back.staff.staff_id == member.staff_id
    assert not await _may_sign_in(database, "a@example.org", member.password)
    assert back.password
    assert await _may_sign_in(database, "a@example.org", back.password)


async def test_ending_access_counts_the_tokens_that_stay_valid(
    dashboard: DashboardDriver, database: Database, fresh: Story
) -> None:
    schools = frozenset({fresh.school_id})
    member = await add_member(database, "a@example.org", Role.ADMIN, schools)
    by, grant = (
        Authority(member.staff.actor, schools),
        Grant("a feed", frozenset({"roster:write"}), schools, 1),
    )
    async with database.transaction() as tx:
        for _ in range(2):
            await create_token(tx, AUTH_SECRET, grant, by)
        revoked, _ = await create_token(tx, AUTH_SECRET, grant, by)
        await revoke_token(tx, revoked.token_id, by)
    response = await dashboard.post(f"{PAGE}/{member.staff_id}/end", on=PAGE)
    assert response.headers["location"] == "/admin/tokens"
    page = (await dashboard.get("/admin/tokens")).text
    assert "a@example.org is out, and signed out everywhere. 2 tokens are still valid" in page


async def test_an_admin_sees_and_changes_the_own_school_only(
    as_role: SignInAs, database: Database, fresh: Story
) -> None:
    other = Story()
    await deliver(database, [other.school()])
    hidden_member = await add_member(
        database, "theirs@example.org", Role.VIEWER, frozenset({other.school_id})
    )
    both = await add_member(
        database, "both@example.org", Role.VIEWER, frozenset({other.school_id, fresh.school_id})
    )
    admin = await as_role(Role.ADMIN)
    page = (await admin.get(PAGE)).text
    assert "both@example.org" in page
    for hidden in ("theirs@example.org", OWNER, str(other.school_id)):
        assert hidden not in page
    added = {"role": "viewer", "school_ids": str(fresh.school_id)}
    for hidden in ("theirs@example.org", OWNER):
        response = await admin.post(PAGE, on=PAGE, email=hidden, **added)
        assert (response.status_code, "here already" in response.text) == (422, False)
        assert "An owner has to add this person." in response.text
    assert "here already" in (await admin.post(PAGE, on=PAGE, email="both@example.org", **added)).text
    for staff_id in (hidden_member.staff_id, await _id_of(database, OWNER)):
        for action in ("role", "end"):
            response = await admin.post(
                f"{PAGE}/{staff_id}/{action}", on=PAGE, role="viewer", school_ids=str(fresh.school_id)
            )
            assert response.status_code == 404
    for fields in (
        {"role": "owner", "school_ids": str(fresh.school_id)},
        {"role": "viewer", "every_school": "1"},
    ):
        await admin.post(f"{PAGE}/{both.staff_id}/role", on=PAGE, **fields)
    assert await _roles(database, "both@example.org") == {
        other.school_id: Role.VIEWER,
        fresh.school_id: Role.VIEWER,
    }
    await admin.post(f"{PAGE}/{both.staff_id}/end", on=PAGE)
    assert await _roles(database, "both@example.org") == {other.school_id: Role.VIEWER}


async def _roles(database: Database, email: str) -> dict[UUID | None, Role]:
    member = await find_staff_member(database, email)
    assert member
    return dict(member.roles)


async def test_viewers_and_the_front_desk_get_no_page(as_role: SignInAs, fresh: Story) -> None:
    del fresh
    for role in (Role.VIEWER, Role.FRONT_DESK):
        browser = await as_role(role)
        assert (await browser.get(PAGE)).status_code == 403
        assert PAGE not in (await browser.get("/admin/schools")).text


async def test_two_last_owners_cannot_end_each_other(guest: httpx.AsyncClient, database: Database) -> None:
    del guest  # it ensures the first owner
    second = await add_member(database, "second@example.org", Role.OWNER)
    first = await _id_of(database, OWNER)

    ending = (end_access(database, None, staff_id, None) for staff_id in (first, second.staff_id))
    results = await asyncio.gather(*ending, return_exceptions=True)
    assert [error.code for error in results if isinstance(error, StaffError)] == ["last_owner"]
    assert len(await list_staff(database, None)) == 1


async def test_the_owner_of_the_settings_is_an_owner_again_after_a_start(
    guest: httpx.AsyncClient, database: Database
) -> None:
    del guest
    await add_member(database, "second@example.org", Role.OWNER)
    await change_role(database, None, await _id_of(database, OWNER), Role.VIEWER, None)
    await ensure_owner(database, OWNER, PASSWORD)
    assert await _roles(database, OWNER) == {None: Role.OWNER}
    await end_access(database, None, await _id_of(database, OWNER), None)
    await ensure_owner(database, OWNER, PASSWORD)
    assert await _may_sign_in(database, OWNER, PASSWORD)
