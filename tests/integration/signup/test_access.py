"""Who sees which child, in whatever order the facts come."""

import itertools
from uuid import uuid4

import pytest

from shared.contracts import roster
from shared.contracts.message import Message
from shared.contracts.signup import SignedUp, SignUpSubmitted
from tests.integration.signup.scene import PASSWORD, Family, Scene, scene, settings_for


def _parent(
    kind: type[roster.ParentAdded] | type[roster.ParentAccessChanged],
    family: Family,
    *children: roster.ChildLink,
) -> Message:
    return kind(
        parent_id=family.parent_id, parent=roster.ParentDetails(name="Ada Example"), children=children
    )


async def _account_page(school: Scene) -> str:
    if "kinvite_parent" not in school.client.cookies:
        await school.client.post("/login", data={"username": "ana.silva", "password": PASSWORD})
    return (await school.client.get("/account")).text


async def test_i24_c4_children_come_and_go_with_the_roster(school: Scene) -> None:
    family = await school.family(child="Mia Example")
    await school.signed_up(family, "ana.silva")
    sibling = roster.StudentDetails(name="Tom Example", class_name="1a")
    second = roster.StudentAdded(student_id=uuid4(), student=sibling)
    mia = roster.ChildLink(student_id=family.student_id)
    await school.feed(
        second,
        _parent(roster.ParentAccessChanged, family, mia, roster.ChildLink(student_id=second.student_id)),
    )
    page = await _account_page(school)
    assert "Mia Example" in page
    assert "Tom Example" in page

    barred = roster.ChildLink(student_id=second.student_id, rights="none")
    await school.feed(_parent(roster.ParentAccessChanged, family, mia, barred))
    assert "Tom" not in await _account_page(school)
    await school.feed(roster.StudentRemoved(student_id=family.student_id))
    assert "Mia" not in await _account_page(school)
    assert await school.rows("SELECT 1 FROM students WHERE removed AND name IS NOT NULL") == []


@pytest.mark.parametrize("removed", [True, False])
async def test_i24_access_that_ends_ends_the_membership(school: Scene, *, removed: bool) -> None:
    family = await school.family(child="Mia Example")
    answer = await school.client.post(
        await school.invite(family), data={"username": "ana.silva", "password": PASSWORD}
    )
    await school.accept(family, await school.last_submission())
    assert "Mia" in (await school.client.get(answer.headers["location"])).text
    gone: Message = roster.ParentRemoved(parent_id=family.parent_id)
    await school.feed(gone if removed else _parent(roster.ParentAccessChanged, family))
    assert "Mia" not in (await school.client.get(answer.headers["location"])).text
    page = await _account_page(school)
    assert "At the moment no school shows you anything here" in page
    assert "Elm Grove" not in page
    (membership,) = await school.rows("SELECT ended_at FROM memberships")
    assert membership.ended_at is not None


async def test_i24_access_that_returns_is_shown_again(school: Scene) -> None:
    family = await school.family(child="Mia Example")
    await school.signed_up(family, "ana.silva")
    await school.feed(_parent(roster.ParentAccessChanged, family))
    mia = roster.ChildLink(student_id=family.student_id)
    await school.feed(_parent(roster.ParentAccessChanged, family, mia))
    assert "Mia Example" in await _account_page(school)


async def test_i24_an_acceptance_after_access_has_ended_opens_nothing(school: Scene) -> None:
    family = await school.family(child="Mia Example")
    answer = await school.client.post(
        await school.invite(family), data={"username": "ana.silva", "password": PASSWORD}
    )
    await school.feed(roster.ParentRemoved(parent_id=family.parent_id))
    await school.accept(family, await school.last_submission())
    page = await school.client.get(answer.headers["location"])
    assert page.status_code == 410
    assert "This sign-up is not possible" in page.text
    assert [type(message) for message in await school.emitted()] == [SignUpSubmitted]
    assert await school.rows("SELECT 1 FROM accounts") == []


async def test_i12_older_facts_change_nothing(school: Scene) -> None:
    family = await school.family(child="Mia Example")
    await school.signed_up(family, "ana.silva")
    await school.feed(roster.ParentRemoved(parent_id=family.parent_id), version=9)
    mia = roster.ChildLink(student_id=family.student_id)
    await school.feed(_parent(roster.ParentAccessChanged, family, mia), version=8)
    await school.feed(
        roster.StudentDetailsChanged(
            student_id=family.student_id, student=roster.StudentDetails(name="Old Name")
        ),
        version=1,
    )
    page = await _account_page(school)
    assert "Mia" not in page
    assert "Old Name" not in page


async def test_facts_of_one_family_may_come_in_any_order_between_topics(database_url: str) -> None:
    async with scene(settings_for(database_url)) as school:
        for number, order in enumerate(itertools.permutations(range(3))):
            family = Family(school.school_id)
            path = await school.invite(family)
            username = f"parent{number}"
            posted = await school.client.post(path, data={"username": username, "password": PASSWORD})
            submission_id = await school.last_submission()
            child = roster.StudentDetails(name=f"Child {number}")
            mia = roster.ChildLink(student_id=family.student_id)
            for step in order:
                if step == 0:
                    await school.accept(family, submission_id)
                elif step == 1:
                    await school.feed(roster.StudentAdded(student_id=family.student_id, student=child))
                else:
                    await school.feed(_parent(roster.ParentAdded, family, mia))
            page = await school.client.get(posted.headers["location"])
            assert f"Child {number}" in page.text
        signed_up = [message for message in await school.emitted() if isinstance(message, SignedUp)]
        assert len(signed_up) == 6


async def test_i38_seeds_8_one_account_shows_each_school_only_its_own_part(school: Scene) -> None:
    first = await school.family(child="Mia Example")
    await school.signed_up(first, "ana.silva")
    other = await school.family(child="Tom Elsewhere")
    await school.signed_up(other, "somebody.else")
    page = await _account_page(school)
    assert "Mia Example" in page
    assert "Tom Elsewhere" not in page
