"""The office's people: added, given another role, ended; what they had open ends with them."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from services.dashboard.domain.office import OfficeError
from services.dashboard.domain.staff import Role
from services.dashboard.domain.tokens import Authority, Grant
from services.dashboard.service.office import add_person, colleagues, end_work, find_person, give_role
from services.dashboard.service.staff import (
    Attempt,
    SignedIn,
    add_staff,
    ensure_owner,
    names_of_actors,
    staff_of_session,
)
from services.dashboard.service.staff import sign_in as check_password
from services.dashboard.service.tokens import mint_token, revoke_token
from shared.runtime.database import Database
from tests.integration.dashboard.conftest import OWNER, PASSWORD, Browser, SignIn, sign_in
from tests.integration.dashboard.feed import deliver
from tests.support.apps import AUTH_SECRET
from tests.unit.dashboard.facts import Story

PAGE = "/admin/staff"


async def _id_of(database: Database, email: str) -> UUID:
    found = await find_person(database, email)
    assert found
    return found.staff_id


async def _may_sign_in(database: Database, email: str, password: str) -> bool:
    done = await check_password(database, Attempt(email, password, "127.0.0.1"), timedelta(hours=1))
    return isinstance(done, SignedIn)


async def test_somebody_is_added_with_a_password_shown_once(
    office: Browser, database: Database, fresh: Story
) -> None:
    fields = {"email": " Desk@Elm.example ", "role": "front_desk", "school_ids": str(fresh.school_id)}
    shown = await office.post(PAGE, on=PAGE, **fields)
    found = re.search(r'class="secret">([\w-]+)<', shown.text)
    assert found
    assert await _may_sign_in(database, "desk@elm.example", found[1])
    assert found[1] not in (await office.get(PAGE)).text
    again = await office.post(PAGE, on=PAGE, **fields)
    assert again.status_code == 422
    assert "works here already" in again.text
    assert await _may_sign_in(database, "desk@elm.example", found[1])


async def test_what_opens_another_school_comes_with_a_new_password(
    office: Browser, database: Database, fresh: Story
) -> None:
    schools = frozenset({fresh.school_id})
    member = await add_staff(database, "head@example.org", PASSWORD, Role.VIEWER, schools)
    change = f"{PAGE}/{member.staff_id}/role"
    lesser = await office.post(change, on=PAGE, role="admin", school_ids=str(fresh.school_id))
    assert lesser.status_code == 303
    opened = await check_password(
        database, Attempt("head@example.org", PASSWORD, "127.0.0.1"), timedelta(hours=1)
    )
    assert isinstance(opened, SignedIn)
    shown = await office.post(change, on=PAGE, role="admin", every_school="true")
    async with database.transaction() as tx:
        assert await staff_of_session(tx, opened.session) is None
    found = re.search(r'class="secret">([\w-]+)<', shown.text)
    assert found
    assert not await _may_sign_in(database, "head@example.org", PASSWORD)
    assert await _may_sign_in(database, "head@example.org", found[1])
    assert await _roles(database, "head@example.org") == {None: Role.ADMIN}


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "nobody", "role": "viewer", "every_school": "true"},
        {"email": "a@b.example", "role": "king", "every_school": "true"},
        {"email": "a@b.example", "role": "viewer"},
        {"email": "a@b.example", "role": "viewer", "school_ids": str(uuid4())},
    ],
)
async def test_what_is_wrong_is_said(office: Browser, database: Database, fields: dict[str, str]) -> None:
    assert (await office.post(PAGE, on=PAGE, **fields)).status_code == 422
    assert [one.email for one in await colleagues(database, None)] == [OWNER]


async def test_a_role_per_school_holds_at_once(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    other = Story()
    await deliver(database, [other.school()])
    here, there = f"/admin/schools/{fresh.school_id}/import", f"/admin/schools/{other.school_id}/import"
    member = await add_staff(database, "a@example.org", PASSWORD, Role.VIEWER, frozenset({fresh.school_id}))
    browser = await sign_in(guest, "a@example.org", PASSWORD)
    assert [(await browser.get(page)).status_code for page in (here, there)] == [403, 404]
    await give_role(database, None, member.staff_id, Role.ADMIN, frozenset({fresh.school_id}))
    more = await give_role(database, None, member.staff_id, Role.VIEWER, frozenset({other.school_id}))
    assert more
    assert more.password
    browser = await sign_in(guest, "a@example.org", more.password)
    assert [(await browser.get(page)).status_code for page in (here, there)] == [200, 403]
    await end_work(database, None, member.staff_id, frozenset({fresh.school_id}))
    assert [(await browser.get(page)).status_code for page in (here, there)] == [404, 403]


async def test_ending_signs_out_at_once_and_keeps_the_name_of_who_did_what(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    member = await add_staff(database, "a@example.org", PASSWORD, Role.ADMIN, frozenset({fresh.school_id}))
    browser = await sign_in(guest, "a@example.org", PASSWORD)
    assert (await browser.get("/admin/schools")).status_code == 200
    await end_work(database, None, member.staff_id, None)
    answer = await browser.get("/admin/schools")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
    assert not await _may_sign_in(database, "a@example.org", PASSWORD)
    assert await find_person(database, "a@example.org") is None
    async with database.transaction() as tx:
        assert await names_of_actors(tx, [member.actor]) == {member.actor: "a@example.org"}
    back = await add_person(database, None, "a@example.org", {fresh.school_id: Role.VIEWER})
    assert back.staff.staff_id == member.staff_id
    assert not await _may_sign_in(database, "a@example.org", PASSWORD)
    assert back.password
    assert await _may_sign_in(database, "a@example.org", back.password)


async def test_ending_says_which_tokens_go_on(office: Browser, database: Database, fresh: Story) -> None:
    schools = frozenset({fresh.school_id})
    member = await add_staff(database, "a@example.org", PASSWORD, Role.ADMIN, schools)
    by, grant = Authority(member.actor, schools), Grant("a feed", frozenset({"roster:write"}), schools, 1)
    async with database.transaction() as tx:
        for _ in range(2):
            await mint_token(tx, AUTH_SECRET, grant, by)
        over, _ = await mint_token(tx, AUTH_SECRET, grant, by)
        await revoke_token(tx, over.token_id, by)
    answer = await office.post(f"{PAGE}/{member.staff_id}/end", on=PAGE)
    assert answer.headers["location"] == "/admin/tokens"
    page = (await office.get("/admin/tokens")).text
    assert "a@example.org is out, and signed out everywhere. 2 tokens are still valid" in page


async def test_an_admin_sees_and_changes_the_own_school_only(
    as_role: SignIn, database: Database, fresh: Story
) -> None:
    other = Story()
    await deliver(database, [other.school()])
    theirs = await add_staff(
        database, "theirs@example.org", PASSWORD, Role.VIEWER, frozenset({other.school_id})
    )
    both = await add_staff(
        database, "both@example.org", PASSWORD, Role.VIEWER, frozenset({other.school_id, fresh.school_id})
    )
    admin = await as_role(Role.ADMIN)
    page = (await admin.get(PAGE)).text
    assert "both@example.org" in page
    for hidden in ("theirs@example.org", OWNER, str(other.school_id)):
        assert hidden not in page
    added = {"role": "viewer", "school_ids": str(fresh.school_id)}
    for hidden in ("theirs@example.org", OWNER):
        answer = await admin.post(PAGE, on=PAGE, email=hidden, **added)
        assert (answer.status_code, "here already" in answer.text) == (422, False)
        assert "An owner has to add this person." in answer.text
    assert "here already" in (await admin.post(PAGE, on=PAGE, email="both@example.org", **added)).text
    for staff_id in (theirs.staff_id, await _id_of(database, OWNER)):
        for action in ("role", "end"):
            answer = await admin.post(
                f"{PAGE}/{staff_id}/{action}", on=PAGE, role="viewer", school_ids=str(fresh.school_id)
            )
            assert answer.status_code == 404
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
    found = await find_person(database, email)
    assert found
    return dict(found.roles)


async def test_viewers_and_the_front_desk_get_no_page(as_role: SignIn, fresh: Story) -> None:
    del fresh
    for role in (Role.VIEWER, Role.FRONT_DESK):
        browser = await as_role(role)
        assert (await browser.get(PAGE)).status_code == 403
        assert PAGE not in (await browser.get("/admin/schools")).text


async def test_two_last_owners_cannot_end_each_other(guest: httpx.AsyncClient, database: Database) -> None:
    del guest  # it ensures the first owner
    second = await add_staff(database, "second@example.org", PASSWORD, Role.OWNER)
    first = await _id_of(database, OWNER)

    ending = (end_work(database, None, one, None) for one in (first, second.staff_id))
    done = await asyncio.gather(*ending, return_exceptions=True)
    assert [one.code for one in done if isinstance(one, OfficeError)] == ["last_owner"]
    assert len(await colleagues(database, None)) == 1


async def test_the_owner_of_the_settings_is_an_owner_again_after_a_start(
    guest: httpx.AsyncClient, database: Database
) -> None:
    del guest
    await add_staff(database, "second@example.org", PASSWORD, Role.OWNER)
    await give_role(database, None, await _id_of(database, OWNER), Role.VIEWER, None)
    await ensure_owner(database, OWNER, PASSWORD)
    assert await _roles(database, OWNER) == {None: Role.OWNER}
    await end_work(database, None, await _id_of(database, OWNER), None)
    await ensure_owner(database, OWNER, PASSWORD)
    assert await _may_sign_in(database, OWNER, PASSWORD)
