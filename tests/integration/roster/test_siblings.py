"""Linking and unlinking of families: the access that a link gave ends with it."""

from __future__ import annotations

from tests.integration.roster.builders import CLASSE365
from tests.integration.roster.driver import RosterDriver

ANNA = {"name": "Anna Muster", "email": "anna@example.com", "phone": "079 111 22 33"}
BEN = {"name": "Ben Muster", "email": "ben@example.com", "phone": "079 111 22 33"}


def children(parent: dict[str, object]) -> set[str]:
    return {child["student_id"] for child in parent["children"]}  # type: ignore[attr-defined]


async def test_s1_an_automatic_link_states_its_reason_and_undoing_it_ends_the_access(
    driver: RosterDriver,
) -> None:
    first = await driver.add_student("Mia Muster", **CLASSE365)
    second = await driver.add_student("Leo Muster", **CLASSE365)
    [group] = (await driver.get("siblings", show="linked"))["items"]
    assert (group["reason"], group["automatic"]) == ("same_phone_and_email", True)
    assert (await driver.call("DELETE", f"siblings/{group['sibling_group_id']}")).status_code == 204
    [parent] = await driver.list_parents()
    assert children(parent) == {first["student_id"]}
    last = (await driver.list_events("parent.access_changed"))[-1]
    assert [child["student_id"] for child in last.data["children"]] == [first["student_id"]]
    [undone] = await driver.list_events("siblings.unlinked")
    assert (undone.data["student_ids"], undone.version) == ([], 2)
    assert (await driver.get(f"students/{second['student_id']}"))["parents"] == []


async def test_s1_what_staff_unlinked_is_not_linked_again_by_a_file(driver: RosterDriver) -> None:
    await driver.add_student("Mia Muster", number="1", **CLASSE365)
    await driver.add_student("Leo Muster", number="2", **CLASSE365)
    [group] = (await driver.get("siblings", show="linked"))["items"]
    await driver.call("DELETE", f"siblings?sibling_group_id={group['sibling_group_id']}")
    text = "name,number,parents_contact,parents_email\nLeo Muster,2,0791234567,muster@example.com\n"
    assert (await driver.import_file(text.encode()))["counts"]["siblings_linked"] == 0
    [parent] = await driver.list_parents()
    assert len(parent["children"]) == 1


async def test_one_of_three_leaves_the_group(driver: RosterDriver) -> None:
    ids = [(await driver.add_student(name, **CLASSE365))["student_id"] for name in ("Mia", "Leo", "Zoe")]
    [group] = (await driver.get("siblings", show="linked"))["items"]
    gone = await driver.call("DELETE", f"siblings/{group['sibling_group_id']}?student_id={ids[1]}")
    assert gone.status_code == 204
    [parent] = await driver.list_parents()
    assert children(parent) == {ids[0], ids[2]}
    [undone] = await driver.list_events("siblings.unlinked")
    assert set(undone.data["student_ids"]) == {ids[0], ids[2]}


async def test_c5_a_suggestion_is_linked_by_staff_and_undone_again(driver: RosterDriver) -> None:
    first = await driver.add_student("Mia Muster", parents=[ANNA])
    second = await driver.add_student("Leo Muster", parents=[BEN])
    [suggestion] = (await driver.get("siblings"))["items"]
    linked = await driver.call("POST", "siblings", {"parent_ids": suggestion["parent_ids"]})
    assert linked.status_code == 201
    everybody = {first["student_id"], second["student_id"]}
    assert [children(parent) for parent in await driver.list_parents()] == [everybody, everybody]
    assert {c["reason"] for p in await driver.list_parents() for c in p["children"]} == {
        "entered",
        "linked_by_staff",
    }
    assert (await driver.get("siblings"))["items"] == []
    assert len(await driver.list_events("parent.access_changed")) == 2
    await driver.call("DELETE", f"siblings/{linked.json()['sibling_group_id']}")
    assert sorted(map(len, map(children, await driver.list_parents()))) == [1, 1]
    assert len(await driver.list_events("parent.access_changed")) == 4


async def test_students_named_as_siblings_share_all_parents(driver: RosterDriver) -> None:
    first = await driver.add_student("Mia Muster", parents=[ANNA])
    second = await driver.add_student("Leo Muster")
    body = {"student_ids": [first["student_id"], second["student_id"]]}
    assert (await driver.call("POST", "siblings", body)).status_code == 201
    shown = await driver.get(f"students/{second['student_id']}")
    assert [parent["name"] for parent in shown["parents"]] == ["Anna Muster"]


async def test_a_request_with_nothing_to_link_is_refused(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster", parents=[ANNA])
    for body in ({}, {"student_ids": [student["student_id"]]}):
        answer = await driver.call("POST", "siblings", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_link")


async def test_father_and_mother_of_one_child_are_no_suggestion(driver: RosterDriver) -> None:
    await driver.add_student("Mia Muster", parents=[ANNA, BEN])
    assert len(await driver.list_parents()) == 2
    assert (await driver.get("siblings"))["items"] == []


async def test_removing_a_sibling_shrinks_the_group(driver: RosterDriver) -> None:
    ids = [(await driver.add_student(name, **CLASSE365))["student_id"] for name in ("Mia", "Leo")]
    await driver.call("DELETE", f"students/{ids[0]}")
    assert (await driver.get("siblings", show="linked"))["items"] == []
    [parent] = await driver.list_parents()
    assert children(parent) == {ids[1]}
    await driver.add_student("Zoe", **CLASSE365)
    [group] = (await driver.get("siblings", show="linked"))["items"]
    assert ids[0] not in group["student_ids"]
