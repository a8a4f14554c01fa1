"""Sessions: sign in, show the account, sign out."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.integration.signup.driver import PASSWORD, SignupDriver, open_driver, settings_for
from tests.support.apps import PUBLIC_URL
from tests.support.waiting import clear_of_the_end

FORM = {"username": "ana.silva", "password": PASSWORD}


async def _let_waits_end(signup: SignupDriver) -> None:
    async with signup.database.transaction() as tx:
        await tx.execute("UPDATE sign_in_limits SET blocked_until = now()")


async def _form_token(signup: SignupDriver) -> str:
    page = (await signup.client.get("/account")).text
    return page.split('name="form_token" value="')[1].split('"')[0]


async def test_a_parent_signs_in_sees_school_and_children_and_signs_out(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(student_name="Mia Example"), "ana.silva")
    assert (await signup.client.get("/account")).headers["location"] == "/login"
    answer = await signup.client.post("/login", data={**FORM, "username": " Ana.Silva"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    page = await signup.client.get("/account")
    assert "Elm Grove &lt;Primary&gt;" in page.text
    assert "Mia Example" in page.text
    assert "ana.silva" in page.text

    token = await _form_token(signup)
    assert (await signup.client.post("/account/sign-out")).status_code == 403
    assert (await signup.client.post("/account/sign-out", data={"form_token": "é"})).status_code == 403
    assert (await signup.client.get("/account")).status_code == 200
    cookies = dict(signup.client.cookies)
    answer = await signup.client.post("/account/sign-out", data={"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    signup.client.cookies.update(cookies)
    assert (await signup.client.get("/account")).headers["location"] == "/login"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {**FORM, "password": "wrong"},
        {**FORM, "username": "nobody"},
        {**FORM, "username": "ana.silva\x00"},
        {**FORM, "username": "x" * 5_000},
        {**FORM, "password": "x" * 10_000},
    ],
)
async def test_a_wrong_sign_in_shows_no_more_than_that(signup: SignupDriver, form: dict[str, str]) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    answer = await signup.client.post("/login", data=form)
    assert answer.status_code == 422
    assert "do not belong together" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_pending_account_cannot_sign_in(signup: SignupDriver) -> None:
    await signup.client.post(await signup.invite(await signup.add_parent()), data=FORM)
    assert (await signup.client.post("/login", data=FORM)).status_code == 422


async def test_a_sign_in_renews_the_session(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    await signup.client.post("/login", data=FORM)
    first = signup.client.cookies["kinvite_parent"]
    await signup.client.post("/login", data=FORM)
    assert signup.client.cookies["kinvite_parent"] != first
    assert len(await signup.rows("SELECT 1 FROM sessions")) == 1
    (session,) = await signup.rows("SELECT to_jsonb(t)::text AS text FROM sessions t")
    assert signup.client.cookies["kinvite_parent"] not in session.text


async def test_a_session_ends_with_its_time(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    await signup.client.post("/login", data=FORM)
    async with signup.database.transaction() as tx:
        await tx.execute("UPDATE sessions SET expires_at = now()")
    assert (await signup.client.get("/account")).headers["location"] == "/login"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_site_signs_nobody_in(signup: SignupDriver, origin: str) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    answer = await signup.client.post("/login", data=FORM, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_failed_sign_ins_are_rate_limited_per_address(database_url: str) -> None:
    async with open_driver(settings_for(database_url, failed_attempts_per_10_minutes=3)) as signup:
        await clear_of_the_end(600)
        forms = [{"username": f"parent{number}", "password": "wrong"} for number in range(4)]
        answers = [(await signup.client.post("/login", data=form)).status_code for form in forms]
        assert answers == [422, 422, 422, 429]


async def test_of_parallel_sign_ins_no_more_are_checked_than_are_free(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    wrong = {**FORM, "password": "wrong"}
    answers = await asyncio.gather(*(signup.client.post("/login", data=wrong) for _ in range(100)))
    assert Counter(answer.status_code for answer in answers) == {422: 5, 429: 95}
    assert {row.failures for row in await signup.rows("SELECT failures FROM sign_in_limits")} == {5}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 2 <= int(refused.headers["retry-after"]) <= 10  # from the begin of the refused attempt
    assert "This try was not checked" in refused.text


async def test_a_hundred_parallel_sign_ins_count_as_a_hundred(signup: SignupDriver) -> None:
    await clear_of_the_end(600, 60.0)
    forms = [{"username": f"parent{number}", "password": "wrong"} for number in range(100)]
    answers = await asyncio.gather(*(signup.client.post("/login", data=form) for form in forms))
    assert {answer.status_code for answer in answers} == {422}
    (count,) = await signup.rows("SELECT sum(guesses) AS guesses FROM wrong_guesses")
    assert count.guesses == 100
    assert (await signup.client.post("/login", data={**FORM, "username": "another"})).status_code == 429


async def test_a_username_is_limited_over_all_addresses_and_for_a_short_time(database_url: str) -> None:
    settings = settings_for(database_url, free_failed_passwords_per_username=3)
    wrong = {**FORM, "password": "wrong"}
    async with open_driver(settings) as signup:
        await signup.sign_up(await signup.add_parent(), "ana.silva")
        answers = []
        for number in range(4):
            transport = httpx.ASGITransport(signup.app, client=(f"198.51.100.{number}", 50_000))
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as stranger:
                answers.append((await stranger.post("/login", data=wrong)).status_code)
        assert answers == [422, 422, 422, 429]
        assert (await signup.client.post("/login", data=FORM)).status_code == 429
        await _let_waits_end(signup)
        assert (await signup.client.post("/login", data=FORM)).status_code == 303


async def test_in_a_known_browser_the_failures_of_strangers_stop_nobody(database_url: str) -> None:
    settings = settings_for(database_url, failed_attempts_per_10_minutes=8)
    async with open_driver(settings) as signup:
        await clear_of_the_end(600)
        await signup.sign_up(await signup.add_parent(), "ana.silva")
        await signup.client.post("/login", data=FORM)
        known = signup.client.cookies["kinvite_browser"]
        signup.client.cookies.clear()
        for number in range(9):
            await signup.client.post("/login", data={"username": f"u{number % 2}", "password": "wrong"})
            await signup.client.post("/login", data={**FORM, "password": "wrong"})
        assert (await signup.client.post("/login", data=FORM)).status_code == 429
        signup.client.cookies.set("kinvite_browser", known)
        assert (await signup.client.post("/login", data={**FORM, "username": "ben"})).status_code == 429
        assert (await signup.client.post("/login", data=FORM)).status_code == 303
        signup.client.cookies.delete("kinvite_parent")
        wrong = [await signup.client.post("/login", data={**FORM, "password": "wrong"}) for _ in range(6)]
        assert [answer.status_code for answer in wrong] == [422] * 5 + [429]


async def test_a_browser_with_a_made_up_cookie_is_unknown_and_gets_another(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    signup.client.cookies.set("kinvite_browser", "made-up")
    answer = await signup.client.post("/login", data=FORM)
    cookies = [value.lower() for value in answer.headers.get_list("set-cookie")]
    assert len(cookies) == 2
    assert all("httponly" in cookie and "samesite=lax" in cookie for cookie in cookies)
    assert not any("ana" in cookie or "made-up" in cookie for cookie in cookies)
    assert len(await signup.rows("SELECT 1 FROM known_browsers")) == 1


async def test_a_wait_on_one_username_stops_nobody_else(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    wrong = {**FORM, "password": "wrong"}
    answers = [(await signup.client.post("/login", data=wrong)).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert (await signup.client.post("/login", data=FORM)).status_code == 429
    other = await signup.client.post("/login", data={**FORM, "username": "ben"})
    assert other.status_code == 422
    await _let_waits_end(signup)
    assert (await signup.client.post("/login", data=FORM)).status_code == 303


async def test_right_passwords_do_not_count(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ana.silva")
    answers = {(await signup.client.post("/login", data=FORM)).status_code for _ in range(12)}
    assert answers == {303}


async def test_over_https_the_cookie_is_bound_to_the_host(database_url: str) -> None:
    async with open_driver(settings_for(database_url, public_url="https://kinvite.test")) as signup:
        await signup.sign_up(await signup.add_parent(), "ana.silva")
        cookie = (await signup.client.post("/login", data=FORM)).headers["set-cookie"]
        assert cookie.startswith("__Host-kinvite_parent=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
