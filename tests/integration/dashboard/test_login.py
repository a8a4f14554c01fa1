from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from itsdangerous import URLSafeSerializer

from services.dashboard.app import create_app
from services.dashboard.domain.staff import Role
from services.dashboard.settings import Settings
from services.dashboard.use_cases.sign_in import find_signed_in_staff
from services.dashboard.use_cases.staff_admin import ensure_owner, find_staff_member, reset_password
from shared.runtime.database import Database
from tests.integration.dashboard.builders import add_member
from tests.integration.dashboard.conftest import OWNER, PASSWORD
from tests.integration.dashboard.driver import DashboardDriver, deliver, sign_in
from tests.support.apps import running
from tests.unit.dashboard.builders import Story


async def test_nobody_signed_in_is_sent_to_the_sign_in_page(guest: httpx.AsyncClient) -> None:
    response = await guest.get("/admin/schools")
    assert (response.status_code, response.headers["location"]) == (303, "/admin/login")
    page = await guest.get("/admin/login")
    assert page.status_code == 200
    assert "set-cookie" not in page.headers


async def test_signing_in_and_out(guest: httpx.AsyncClient, database: Database) -> None:
    browser = await sign_in(guest, f"  {OWNER.upper()} ", PASSWORD)
    page = await browser.get("/admin/schools")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'"
        in page.headers["content-security-policy"]
    )
    async with database.transaction() as tx:
        digest = await tx.scalar("SELECT digest FROM staff_sessions")
    session = guest.cookies["kinvite_staff"]
    assert session not in digest
    signed_out = await browser.post("/admin/logout", on="/admin/schools")
    assert signed_out.headers["location"] == "/admin/login"
    guest.cookies.set("kinvite_staff", session)
    assert (await guest.get("/admin/schools")).status_code == 303


async def test_the_session_cookie_is_for_the_server_only(guest: httpx.AsyncClient) -> None:
    response = await guest.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
    cookie = next(c for c in response.headers.get_list("set-cookie") if c.startswith("kinvite_staff="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


async def test_over_https_cookies_are_secure(settings: Settings) -> None:
    secure = settings.model_copy(update={"public_url": "https://kinvite.test"})
    async with running(create_app(secure, worker=False)) as client:
        response = await client.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
        cookies = response.headers.get_list("set-cookie")
        assert any(cookie.startswith("__Host-kinvite_staff=") for cookie in cookies)
        assert all("Secure" in cookie for cookie in cookies)


async def test_wrong_sign_ins_are_refused_with_a_reason(guest: httpx.AsyncClient) -> None:
    wrong = [
        (OWNER, "wrong", 401),
        ("nobody@example.org", PASSWORD, 401),
        ("", "", 422),
        (OWNER, "x" * 1001, 422),
    ]
    for email, password, status in wrong:
        response = await guest.post("/admin/login", data={"email": email, "password": password})
        assert response.status_code == status
        assert 'role="alert"' in response.text
        assert "kinvite_staff" not in response.headers.get("set-cookie", "")


async def test_a_form_of_another_site_cannot_sign_in(guest: httpx.AsyncClient) -> None:
    response = await guest.post(
        "/admin/login", data={"email": OWNER, "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://kinvite.test", 303),
        (None, 303),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_an_old_browser_signs_in_only_from_our_own_page(
    guest: httpx.AsyncClient, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    response = await guest.post("/admin/login", data={"email": OWNER, "password": PASSWORD}, headers=headers)
    assert response.status_code == status
    guest.cookies.clear()
    assert (await guest.get("/admin/login")).headers["referrer-policy"] == "same-origin"


async def test_a_sign_in_ends_the_session_that_it_replaces(
    guest: httpx.AsyncClient, database: Database
) -> None:
    await sign_in(guest, OWNER, PASSWORD)
    before = guest.cookies["kinvite_staff"]
    await sign_in(guest, OWNER, PASSWORD)
    async with database.transaction() as tx:
        assert await find_signed_in_staff(tx, before) is None
        assert await find_signed_in_staff(tx, guest.cookies["kinvite_staff"]) is not None


async def test_no_cookie_contains_the_address(guest: httpx.AsyncClient) -> None:
    await sign_in(guest, OWNER, PASSWORD)
    _, (_, owner) = URLSafeSerializer("unknown").loads_unsafe(guest.cookies["kinvite_browser"])
    assert re.fullmatch("[0-9a-f]{64}", owner)


async def test_guessing_is_slowed_and_the_person_still_gets_in(guest: httpx.AsyncClient) -> None:
    await sign_in(guest, OWNER, PASSWORD)
    device = guest.cookies["kinvite_browser"]
    guest.cookies.clear()
    statuses = [
        (await guest.post("/admin/login", data={"email": OWNER, "password": f"guess {n}"})).status_code
        for n in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    slowed = await guest.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
    guest.cookies.set("kinvite_browser", device, domain="kinvite.test", path="/admin/login")
    await sign_in(guest, OWNER, PASSWORD)


async def test_right_passwords_never_count(guest: httpx.AsyncClient) -> None:
    for _ in range(15):
        guest.cookies.clear()
        await sign_in(guest, OWNER, PASSWORD)


async def test_the_password_of_the_settings_is_not_put_back_at_a_start(
    dashboard: DashboardDriver, database: Database
) -> None:
    owner = await find_staff_member(database, OWNER)
    assert owner
    password = await reset_password(database, owner.staff_id)
    assert (await dashboard.get("/admin/schools")).status_code == 303
    await sign_in(dashboard.client, OWNER, password)
    await ensure_owner(database, OWNER, PASSWORD)
    assert (await dashboard.get("/admin/schools")).status_code == 200
    refused = await dashboard.client.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
    assert refused.status_code == 401


async def test_who_becomes_the_owner_of_the_settings_has_their_password(
    dashboard: DashboardDriver, database: Database
) -> None:
    await add_member(database, "new@example.org", Role.VIEWER)
    await ensure_owner(database, "new@example.org", PASSWORD)
    await sign_in(dashboard.client, "new@example.org", PASSWORD)


async def test_a_form_without_the_pages_token_does_nothing(dashboard: DashboardDriver) -> None:
    for token in ({}, {"form_token": "0" * 64}, {"form_token": "ü"}):
        response = await dashboard.client.post("/admin/schools", data={**token, "name": "X"})
        assert response.status_code == 403
        assert "out of date" in response.text


async def test_another_schools_pages_do_not_exist_for_staff_of_one(
    guest: httpx.AsyncClient, database: Database, story: Story
) -> None:
    other = replace(Story(), name="Hidden Person")
    await deliver(database, [story.school(), *story.all(), other.school("Hidden School"), *other.all()])
    member = await add_member(database, "one@example.org", Role.ADMIN, frozenset({story.school_id}))
    browser = await sign_in(guest, "one@example.org", member.password)
    base = f"/admin/schools/{other.school_id}"
    for path in (
        base,
        f"{base}/students",
        f"{base}/parents",
        f"{base}/parents/{other.parent_id}",
        f"{base}/students/{other.student_id}",
        f"{base}/import",
        f"{base}/invite",
        f"/dashboard/v1/schools/{other.school_id}/summary",
        f"/admin/schools/{story.school_id}/parents/{other.parent_id}",
        f"/admin/schools/{story.school_id}/students/{other.student_id}",
    ):
        response = await browser.get(path)
        assert response.status_code == 404, path
        assert "Hidden" not in response.text
    assert "Hidden" not in (await browser.get("/admin/schools")).text
