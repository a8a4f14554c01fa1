"""Signing in and out."""

import pytest

from tests.integration.signup.scene import PASSWORD, Scene, scene, settings_for
from tests.support.waiting import clear_of_the_end

FORM = {"username": "ana.silva", "password": PASSWORD}


async def _form_token(school: Scene) -> str:
    page = (await school.client.get("/account")).text
    return page.split('name="form_token" value="')[1].split('"')[0]


async def test_a_parent_signs_in_sees_school_and_children_and_signs_out(school: Scene) -> None:
    await school.signed_up(await school.family(child="Mia Example"), "ana.silva")
    assert (await school.client.get("/account")).headers["location"] == "/login"
    answer = await school.client.post("/login", data={**FORM, "username": " Ana.Silva"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    page = await school.client.get("/account")
    assert "Elm Grove &lt;Primary&gt;" in page.text
    assert "Mia Example" in page.text
    assert "ana.silva" in page.text

    token = await _form_token(school)
    assert (await school.client.post("/account/sign-out")).status_code == 403
    assert (await school.client.post("/account/sign-out", data={"form_token": "é"})).status_code == 403
    assert (await school.client.get("/account")).status_code == 200
    kept = dict(school.client.cookies)
    answer = await school.client.post("/account/sign-out", data={"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    school.client.cookies.update(kept)
    assert (await school.client.get("/account")).headers["location"] == "/login"


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
async def test_a_wrong_sign_in_says_no_more_than_that(school: Scene, form: dict[str, str]) -> None:
    await school.signed_up(await school.family(), "ana.silva")
    answer = await school.client.post("/login", data=form)
    assert answer.status_code == 422
    assert "do not belong together" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_pending_account_cannot_sign_in(school: Scene) -> None:
    await school.client.post(await school.invite(await school.family()), data=FORM)
    assert (await school.client.post("/login", data=FORM)).status_code == 422


async def test_a_sign_in_renews_the_session(school: Scene) -> None:
    await school.signed_up(await school.family(), "ana.silva")
    await school.client.post("/login", data=FORM)
    first = school.client.cookies["kinvite_parent"]
    await school.client.post("/login", data=FORM)
    assert school.client.cookies["kinvite_parent"] != first
    assert len(await school.rows("SELECT 1 FROM sessions")) == 1
    (session,) = await school.rows("SELECT to_jsonb(t)::text AS text FROM sessions t")
    assert school.client.cookies["kinvite_parent"] not in session.text


async def test_a_session_ends_with_its_time(school: Scene) -> None:
    await school.signed_up(await school.family(), "ana.silva")
    await school.client.post("/login", data=FORM)
    async with school.database.transaction() as transaction:
        await transaction.execute("UPDATE sessions SET expires_at = now()")
    assert (await school.client.get("/account")).headers["location"] == "/login"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_site_signs_nobody_in(school: Scene, origin: str) -> None:
    await school.signed_up(await school.family(), "ana.silva")
    answer = await school.client.post("/login", data=FORM, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_guessing_passwords_is_limited(database_url: str) -> None:
    async with scene(settings_for(database_url, wrong_guesses_per_10_minutes=3)) as school:
        wrong = {**FORM, "password": "wrong"}
        await clear_of_the_end(600)
        answers = [(await school.client.post("/login", data=wrong)).status_code for _ in range(4)]
        assert answers == [422, 422, 422, 429]


async def test_guessing_one_persons_password_ends_there_and_nobody_else_waits(school: Scene) -> None:
    await school.signed_up(await school.family(), "ana.silva")
    wrong = {**FORM, "password": "wrong"}
    await clear_of_the_end(600)
    answers = [(await school.client.post("/login", data=wrong)).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
    assert (await school.client.post("/login", data=FORM)).status_code == 429
    other = await school.client.post("/login", data={**FORM, "username": "ben"})
    assert other.status_code == 422


async def test_right_passwords_do_not_count(school: Scene) -> None:
    await school.signed_up(await school.family(), "ana.silva")
    answers = {(await school.client.post("/login", data=FORM)).status_code for _ in range(12)}
    assert answers == {303}


async def test_over_https_the_cookie_is_bound_to_the_host(database_url: str) -> None:
    async with scene(settings_for(database_url, public_url="https://kinvite.test")) as school:
        await school.signed_up(await school.family(), "ana.silva")
        cookie = (await school.client.post("/login", data=FORM)).headers["set-cookie"]
        assert cookie.startswith("__Host-kinvite_parent=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
