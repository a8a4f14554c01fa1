"""The sign-up form and the saga behind it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from shared.contracts import invitations
from shared.contracts.signup import SignedUp, SignUpSubmitted
from tests.integration.signup.driver import PASSWORD, SignupDriver, open_driver, settings_for
from tests.support.waiting import eventually

FORM = {"username": "ana.silva", "password": PASSWORD}


async def test_p2_a_parent_signs_up_and_then_sees_the_child(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    path = await signup.invite(parent)
    form = await signup.client.get(path)
    assert "Elm Grove &lt;Primary&gt;" in form.text
    assert "Mia" not in form.text

    answer = await signup.client.post(path, data=FORM)
    assert answer.status_code == 303
    (submitted,) = await signup.list_emitted()
    assert isinstance(submitted, SignUpSubmitted)
    assert submitted.model_dump().keys() == {"submission_id", "invitation_id", "generation", "submitted_at"}
    waiting = await signup.client.get(answer.headers["location"])
    assert "One moment" in waiting.text
    assert "Mia" not in waiting.text

    await signup.accept(parent, submitted.submission_id)
    done = await signup.client.get(answer.headers["location"])
    assert done.status_code == 200
    assert "You are signed up" in done.text
    assert "Mia Example" in done.text
    signed_up = (await signup.list_emitted())[-1]
    assert isinstance(signed_up, SignedUp)
    assert (signed_up.parent_id, signed_up.invitation_id) == (parent.parent_id, parent.invitation_id)


async def test_i20_the_second_use_is_refused_and_signs_nobody_in(signup: SignupDriver) -> None:
    path = await signup.sign_up(await signup.add_parent(student_name="Mia Example"), "ana.silva")
    before = await signup.list_emitted()
    for answer in [await signup.client.get(path), await signup.client.post(path, data=FORM)]:
        assert answer.status_code == 410
        assert "This link has already been used" in answer.text
        assert "already signed up: please sign in" in answer.text
        assert 'href="/login"' in answer.text
        assert "Mia" not in answer.text
        assert "ana" not in answer.text
        assert "set-cookie" not in answer.headers
    assert await signup.list_emitted() == before


async def test_i20_a_double_click_is_one_sign_up(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    path = await signup.invite(parent)
    answers = await asyncio.gather(*(signup.client.post(path, data=FORM) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(await signup.list_emitted()) == 1
    await signup.accept(parent, await signup.last_submission_id())
    for answer in answers:
        assert "You are signed up" in (await signup.client.get(answer.headers["location"])).text
    assert len(await signup.rows("SELECT 1 FROM accounts")) == 1


async def test_i20_a_second_person_with_another_password_sees_no_child(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    path = await signup.invite(parent)
    first = await signup.client.post(path, data=FORM)
    other_name = await signup.client.post(path, data={**FORM, "username": "somebody"})
    other_word = await signup.client.post(path, data={**FORM, "password": "another long sentence"})
    await signup.accept(parent, await signup.last_submission_id())
    assert "Mia" in (await signup.client.get(first.headers["location"])).text
    for answer in (other_name, other_word):
        page = await signup.client.get(answer.headers["location"])
        assert page.status_code == 410
        assert "already been used" in page.text
        assert "Mia" not in page.text


async def test_i20_an_accepted_submission_takes_effect_once(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    await signup.client.post(await signup.invite(parent), data=FORM)
    submission_id = await signup.last_submission_id()
    for _ in range(3):
        await signup.accept(parent, submission_id)
    await signup.consume(
        parent.event(invitations.InvitationRefused, submission_id=submission_id, reason="used")
    )
    assert [type(message) for message in await signup.list_emitted()] == [SignUpSubmitted, SignedUp]
    assert len(await signup.rows("SELECT 1 FROM memberships")) == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("expired", "This link has expired"),
        ("replaced", "was replaced by a newer one"),
        ("withdrawn", "This invitation was withdrawn"),
        ("used", "already signed up: please sign in"),
        ("no_access", "This sign-up is not possible"),
    ],
)
async def test_a_refusal_has_its_text_and_releases_the_username(
    signup: SignupDriver, reason: str, words: str
) -> None:
    parent = await signup.add_parent()
    answer = await signup.client.post(await signup.invite(parent), data=FORM)
    submission_id = await signup.last_submission_id()
    await signup.consume(
        parent.event(invitations.InvitationRefused, submission_id=submission_id, reason=reason)
    )
    page = await signup.client.get(answer.headers["location"])
    assert page.status_code == 410
    assert words in page.text
    assert await signup.rows("SELECT 1 FROM accounts") == []
    other = await signup.invite(await signup.add_parent())
    assert (await signup.client.post(other, data=FORM)).status_code == 303


async def test_a_username_is_taken_whatever_its_case_also_while_it_is_only_reserved(
    signup: SignupDriver,
) -> None:
    await signup.client.post(await signup.invite(await signup.add_parent()), data=FORM)
    path = await signup.invite(await signup.add_parent())
    answer = await signup.client.post(path, data={**FORM, "username": "  ANA.Silva "})
    assert answer.status_code == 409
    assert "already taken" in answer.text
    assert 'value="  ANA.Silva "' in answer.text
    assert (await signup.client.post(path, data={**FORM, "username": "ana.silva2"})).status_code == 303


async def test_a_username_that_looks_like_another_is_taken(signup: SignupDriver) -> None:
    await signup.sign_up(await signup.add_parent(), "ace")
    path = await signup.invite(await signup.add_parent())
    answer = await signup.client.post(path, data={**FORM, "username": "\u0430\u0441\u0435"})
    assert answer.status_code == 409
    assert "looks like one that is taken" in answer.text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Please choose a username."),
        ({"username": "ana.silva"}, "Please choose a password."),
        ({**FORM, "username": "ab"}, "This username is too short"),
        ({**FORM, "username": "x" * 5_000}, "This username is too long"),
        ({**FORM, "username": "ana silva"}, "Please use only letters, digits"),
        ({**FORM, "username": "ana\x00"}, "Please use only letters, digits"),
        ({**FORM, "username": "ana\u3164"}, "Please use only letters, digits"),
        ({**FORM, "username": "p\u0430ypal"}, "the letters of one alphabet"),
        ({**FORM, "password": "x7#Lq0!vR2@"}, "It needs at least <bdi>12</bdi> characters"),
        ({**FORM, "password": "password1234"}, "one of the first that strangers would try"),
        ({**FORM, "password": "four small\x00 ships"}, "characters that nobody can type"),
        ({"username": "four.small.green", "password": "Four.Small.Green"}, "must not contain your username"),
        ({**FORM, "password": "blue EXÁMPLE ships"}, "must not contain your name"),
        ({**FORM, "password": "seven Kastanie ships"}, "must not contain your e-mail address"),
        ({**FORM, "password": "elm-grove ships 7"}, "must not contain the name of the school"),
    ],
)
async def test_mistakes_are_named_and_the_username_is_retained(
    signup: SignupDriver, form: dict[str, str], words: str
) -> None:
    path = await signup.invite(await signup.add_parent())
    answer = await signup.client.post(path, data=form)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'role="alert"' in answer.text
    if form.get("username", "").isprintable():
        assert f'value="{form.get("username", "")[:200]}"' in answer.text
    if "password" in form:
        assert form["password"] not in answer.text
    assert await signup.list_emitted() == []


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"username=" + b"x" * 40_000, "application/x-www-form-urlencoded", 413),
        (b"username=%ff%fe&password=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % number for number in range(100)), "application/x-www-form-urlencoded", 400),
        (b"rubbish", "multipart/form-data; boundary=x", 400),
        (b"rubbish", "multipart/form-data", 400),
        (b'{"username": "ana.silva"}', "application/json", 422),
        (b"", "", 422),
    ],
)
async def test_a_body_that_is_no_form_gets_a_page(
    signup: SignupDriver, content: bytes, content_type: str, status: int
) -> None:
    path = await signup.invite(await signup.add_parent())
    answer = await signup.client.post(path, content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert await signup.list_emitted() == []


async def test_a_multipart_form_works_too(signup: SignupDriver) -> None:
    path = await signup.invite(await signup.add_parent())
    parts = {name: (None, value.encode()) for name, value in FORM.items()}
    assert (await signup.client.post(path, files=parts)).status_code == 303


async def test_the_response_waits_for_the_decision_by_polling_its_row(database_url: str) -> None:
    async with open_driver(settings_for(database_url, decision_wait_seconds=20.0)) as signup:
        parent = await signup.add_parent()
        path = await signup.invite(parent)
        posted = asyncio.create_task(signup.client.post(path, data=FORM, follow_redirects=True))

        async def decide() -> None:
            assert await signup.list_emitted()
            await signup.accept(parent, await signup.last_submission_id())

        await eventually(decide)
        page: httpx.Response = await asyncio.wait_for(posted, 10)
        assert "You are signed up" in page.text


async def test_a_slow_decision_leads_to_the_waiting_page(database_url: str) -> None:
    async with open_driver(settings_for(database_url, decision_wait_seconds=0.1)) as signup:
        path = await signup.invite(await signup.add_parent())
        page = await signup.client.post(path, data=FORM, follow_redirects=True)
        assert "One moment" in page.text
        await signup.age_submissions(minutes=1)
        slow = await signup.client.get(page.url)
        assert "This takes longer than usual" in slow.text
        await signup.age_submissions(minutes=5)
        late = await signup.client.get(page.url)
        assert "much longer than usual" in late.text
        assert "ask the school&#39;s office" in late.text
