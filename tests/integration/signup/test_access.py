"""Access of parents to their children, in every order of the events."""

from __future__ import annotations

import itertools
from uuid import uuid4

import pytest

from shared.contracts import roster
from shared.contracts.message import Message
from shared.contracts.signup import SignedUp, SignUpSubmitted
from tests.integration.signup.builders import ParentRecord, parent_event
from tests.integration.signup.driver import PASSWORD, SignupDriver, open_driver, settings_for


async def _account_page(signup: SignupDriver) -> str:
    if "kinvite_parent" not in signup.client.cookies:
        await signup.client.post("/login", data={"username": "ana.silva", "password": PASSWORD})
    return (await signup.client.get("/account")).text


async def test_i24_c4_children_come_and_go_with_the_roster(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    await signup.sign_up(parent, "ana.silva")
    sibling = roster.StudentDetails(name="Tom Example", class_name="1a")
    second = roster.StudentAdded(student_id=uuid4(), student=sibling)
    mia = roster.ChildLink(student_id=parent.student_id)
    await signup.consume(
        second,
        parent_event(roster.ParentAccessChanged, parent, mia, roster.ChildLink(student_id=second.student_id)),
    )
    page = await _account_page(signup)
    assert "Mia Example" in page
    assert "Tom Example" in page

    barred = roster.ChildLink(student_id=second.student_id, rights="none")
    await signup.consume(parent_event(roster.ParentAccessChanged, parent, mia, barred))
    assert "Tom" not in await _account_page(signup)
    await signup.consume(roster.StudentRemoved(student_id=parent.student_id))
    assert "Mia" not in await _account_page(signup)
    assert await signup.rows("SELECT 1 FROM students WHERE removed AND name IS NOT NULL") == []


@pytest.mark.parametrize("removed", [True, False])
async def test_i24_access_that_ends_ends_the_membership(signup: SignupDriver, *, removed: bool) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    answer = await signup.client.post(
        await signup.invite(parent), data={"username": "ana.silva", "password": PASSWORD}
    )
    await signup.accept(parent, await signup.last_submission_id())
    assert "Mia" in (await signup.client.get(answer.headers["location"])).text
    gone: Message = roster.ParentRemoved(parent_id=parent.parent_id)
    await signup.consume(gone if removed else parent_event(roster.ParentAccessChanged, parent))
    assert "Mia" not in (await signup.client.get(answer.headers["location"])).text
    page = await _account_page(signup)
    assert "At the moment no school shows you anything here" in page
    assert "Elm Grove" not in page
    (membership,) = await signup.rows("SELECT ended_at FROM memberships")
    assert membership.ended_at is not None


async def test_i24_access_that_returns_is_shown_again(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    await signup.sign_up(parent, "ana.silva")
    await signup.consume(parent_event(roster.ParentAccessChanged, parent))
    mia = roster.ChildLink(student_id=parent.student_id)
    await signup.consume(parent_event(roster.ParentAccessChanged, parent, mia))
    assert "Mia Example" in await _account_page(signup)


async def test_i24_an_acceptance_after_access_has_ended_opens_nothing(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    answer = await signup.client.post(
        await signup.invite(parent), data={"username": "ana.silva", "password": PASSWORD}
    )
    await signup.consume(roster.ParentRemoved(parent_id=parent.parent_id))
    await signup.accept(parent, await signup.last_submission_id())
    page = await signup.client.get(answer.headers["location"])
    assert page.status_code == 410
    assert "This sign-up is not possible" in page.text
    assert [type(message) for message in await signup.list_emitted()] == [SignUpSubmitted]
    assert await signup.rows("SELECT 1 FROM accounts") == []


async def test_i12_older_events_change_nothing(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia Example")
    await signup.sign_up(parent, "ana.silva")
    await signup.consume(roster.ParentRemoved(parent_id=parent.parent_id), version=9)
    mia = roster.ChildLink(student_id=parent.student_id)
    await signup.consume(parent_event(roster.ParentAccessChanged, parent, mia), version=8)
    await signup.consume(
        roster.StudentDetailsChanged(
            student_id=parent.student_id, student=roster.StudentDetails(name="Old Name")
        ),
        version=1,
    )
    page = await _account_page(signup)
    assert "Mia" not in page
    assert "Old Name" not in page


async def test_events_about_one_parent_may_come_in_any_order_between_topics(database_url: str) -> None:
    async with open_driver(settings_for(database_url)) as signup:
        for number, order in enumerate(itertools.permutations(range(3))):
            parent = ParentRecord(signup.school_id)
            path = await signup.invite(parent)
            username = f"parent{number}"
            posted = await signup.client.post(path, data={"username": username, "password": PASSWORD})
            submission_id = await signup.last_submission_id()
            child = roster.StudentDetails(name=f"Child {number}")
            mia = roster.ChildLink(student_id=parent.student_id)
            for step in order:
                if step == 0:
                    await signup.accept(parent, submission_id)
                elif step == 1:
                    await signup.consume(roster.StudentAdded(student_id=parent.student_id, student=child))
                else:
                    await signup.consume(parent_event(roster.ParentAdded, parent, mia))
            page = await signup.client.get(posted.headers["location"])
            assert f"Child {number}" in page.text
        signed_up = [message for message in await signup.list_emitted() if isinstance(message, SignedUp)]
        assert len(signed_up) == 6


async def test_i38_an_account_shows_its_own_children_only(signup: SignupDriver) -> None:
    first = await signup.add_parent(student_name="Mia Example")
    await signup.sign_up(first, "ana.silva")
    other = await signup.add_parent(student_name="Tom Elsewhere")
    await signup.sign_up(other, "somebody.else")
    page = await _account_page(signup)
    assert "Mia Example" in page
    assert "Tom Elsewhere" not in page
