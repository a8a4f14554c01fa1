from dataclasses import replace

import httpx

from services.dashboard.app import create_app
from services.dashboard.domain.staff import Role
from services.dashboard.service.office import find_person, new_password
from services.dashboard.service.staff import add_staff, ensure_owner
from services.dashboard.settings import Settings
from shared.runtime.database import Database
from tests.integration.dashboard.conftest import OWNER, PASSWORD, Browser, sign_in
from tests.integration.dashboard.feed import deliver
from tests.support.apps import running
from tests.unit.dashboard.facts import Story


async def test_nobody_signed_in_is_sent_to_the_sign_in_page(guest: httpx.AsyncClient) -> None:
    answer = await guest.get("/admin/schools")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
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
    left = await browser.post("/admin/logout", on="/admin/schools")
    assert left.headers["location"] == "/admin/login"
    guest.cookies.set("kinvite_staff", session)
    assert (await guest.get("/admin/schools")).status_code == 303


async def test_the_session_cookie_is_for_the_server_only(guest: httpx.AsyncClient) -> None:
    answer = await guest.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("kinvite_staff="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


async def test_over_https_cookies_are_secure(settings: Settings) -> None:
    secure = settings.model_copy(update={"public_url": "https://kinvite.test"})
    async with running(create_app(secure, worker=False)) as client:
        answer = await client.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
        cookies = answer.headers.get_list("set-cookie")
        assert any(cookie.startswith("__Host-kinvite_staff=") for cookie in cookies)
        assert all("Secure" in cookie for cookie in cookies)


async def test_wrong_sign_ins_say_so(guest: httpx.AsyncClient) -> None:
    wrong = [
        (OWNER, "wrong", 401),
        ("nobody@example.org", PASSWORD, 401),
        ("", "", 422),
        (OWNER, "x" * 1001, 422),
    ]
    for email, password, status in wrong:
        answer = await guest.post("/admin/login", data={"email": email, "password": password})
        assert answer.status_code == status
        assert 'role="alert"' in answer.text
        assert "kinvite_staff" not in answer.headers.get("set-cookie", "")


async def test_a_form_of_another_site_cannot_sign_in(guest: httpx.AsyncClient) -> None:
    answer = await guest.post(
        "/admin/login", data={"email": OWNER, "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


async def test_guessing_is_slowed_and_the_person_still_gets_in(guest: httpx.AsyncClient) -> None:
    await sign_in(guest, OWNER, PASSWORD)
    known = guest.cookies["kinvite_browser"]
    guest.cookies.clear()
    statuses = [
        (await guest.post("/admin/login", data={"email": OWNER, "password": f"guess {n}"})).status_code
        for n in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    slowed = await guest.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
    guest.cookies.set("kinvite_browser", known, domain="kinvite.test", path="/admin/login")
    await sign_in(guest, OWNER, PASSWORD)


async def test_right_passwords_never_count(guest: httpx.AsyncClient) -> None:
    for _ in range(15):
        guest.cookies.clear()
        await sign_in(guest, OWNER, PASSWORD)


async def test_the_password_of_the_settings_is_not_put_back_at_a_start(
    office: Browser, database: Database
) -> None:
    owner = await find_person(database, OWNER)
    assert owner
    given = await new_password(database, owner.staff_id)
    assert (await office.get("/admin/schools")).status_code == 303
    await sign_in(office.client, OWNER, given)
    await ensure_owner(database, OWNER, PASSWORD)
    assert (await office.get("/admin/schools")).status_code == 200
    refused = await office.client.post("/admin/login", data={"email": OWNER, "password": PASSWORD})
    assert refused.status_code == 401


async def test_who_becomes_the_owner_of_the_settings_has_their_password(
    office: Browser, database: Database
) -> None:
    await add_staff(database, "new@example.org", "known to whoever added them", Role.VIEWER)
    await ensure_owner(database, "new@example.org", PASSWORD)
    await sign_in(office.client, "new@example.org", PASSWORD)


async def test_a_form_without_the_pages_token_does_nothing(office: Browser) -> None:
    for token in ({}, {"form_token": "0" * 64}, {"form_token": "ü"}):
        answer = await office.client.post("/admin/schools", data={**token, "name": "X"})
        assert answer.status_code == 403
        assert "out of date" in answer.text


async def test_another_schools_pages_do_not_exist_for_staff_of_one(
    guest: httpx.AsyncClient, database: Database, story: Story
) -> None:
    other = replace(Story(), name="Hidden Person")
    await deliver(database, [story.school(), *story.all(), other.school("Hidden School"), *other.all()])
    await add_staff(database, "one@example.org", PASSWORD, Role.ADMIN, frozenset({story.school_id}))
    browser = await sign_in(guest, "one@example.org", PASSWORD)
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
        answer = await browser.get(path)
        assert answer.status_code == 404, path
        assert "Hidden" not in answer.text
    assert "Hidden" not in (await browser.get("/admin/schools")).text
