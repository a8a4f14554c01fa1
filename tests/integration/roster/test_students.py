"""Students and their parents over HTTP, as the help pages of two products describe them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services.roster.consumers import on_signed_up
from services.roster.storage import schools
from shared.contracts.envelope import Attributes, Received
from shared.contracts.signup import SignedUp
from shared.runtime.core import new_id
from tests.integration.roster.builders import CLASSE365
from tests.integration.roster.driver import RosterDriver

ANNA = {"name": "Anna Muster", "relation": "mother", "email": "anna@example.com", "phone": "+41 79 111 22 33"}


async def sign_up(driver: RosterDriver, *parent_ids: str) -> None:
    """Hand the consumer an event of signup for each of the parents."""
    async with driver.database.transaction() as tx:
        batch = []
        for parent_id in parent_ids:
            account = new_id()
            event = SignedUp(
                account_id=account, parent_id=UUID(parent_id), invitation_id=new_id(), signed_up_at=tx.now
            )
            attributes = Attributes(
                id=str(new_id()),
                source="/kinvite/signup",
                type=event.contract.type,
                subject=str(account),
                school_id=UUID(driver.school_id),
                version=1,
                time=tx.now,
            )
            batch.append(Received(event, attributes))
        await on_signed_up(tx, batch)


async def test_c1_c2_c3_the_four_fields_create_a_parent_and_map_the_student_to_it(
    driver: RosterDriver,
) -> None:
    student = await driver.add_student("Mia Muster", **CLASSE365)
    [parent] = student["parents"]
    assert (parent["name"], parent["relation"]) == ("Hans & Anna Muster", "parents")
    assert (parent["phone"], parent["email"]) == ("+41791234567", "muster@example.com")


async def test_c4_same_phone_and_email_is_one_parent_record_with_all_children(driver: RosterDriver) -> None:
    first = await driver.add_student("Mia Muster", **CLASSE365)
    other = CLASSE365 | {"parents_contact": "+41 79 123 45 67", "parents_email": " Muster@Example.com "}
    second = await driver.add_student("Leo Muster", **other)
    [parent] = await driver.list_parents()
    assert {child["student_id"] for child in parent["children"]} == {
        first["student_id"],
        second["student_id"],
    }
    assert parent["children"][1]["reason"] == "same_phone_and_email"
    [linked] = await driver.list_events("siblings.linked")
    assert set(linked.data["student_ids"]) == {first["student_id"], second["student_id"]}
    assert linked.data["parent_ids"] == [parent["parent_id"]]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"parents_contact": "079 765 43 21"}, "same_email"),
        ({"parents_email": "m2@example.com"}, "same_phone"),
    ],
)
async def test_c5_only_one_equal_links_nothing_and_is_suggested(
    driver: RosterDriver, changed: dict[str, str], reason: str
) -> None:
    first = await driver.add_student("Mia Muster", **CLASSE365)
    second = await driver.add_student("Leo Muster", **CLASSE365 | changed)
    assert len(await driver.list_parents()) == 2
    [suggestion] = (await driver.get("siblings"))["items"]
    assert suggestion["reason"] == reason
    assert set(suggestion["student_ids"]) == {first["student_id"], second["student_id"]}
    assert await driver.list_events("siblings.linked") == []


@pytest.mark.parametrize(
    ("phone", "email"),
    [
        ("n/a", "none@none.com"),
        ("0000000000", "muster@example.com"),
        ("", ""),
        ("044 000 11 22", "muster@example.com"),
    ],
)
async def test_s1_placeholders_and_the_schools_own_number_never_match(
    driver: RosterDriver, phone: str, email: str
) -> None:
    await driver.client.patch(driver.path("").rstrip("/"), json={"phone": "+41 44 000 11 22"})
    fields = CLASSE365 | {"parents_contact": phone, "parents_email": email}
    await driver.add_student("Mia Muster", **fields)
    await driver.add_student("Leo Muster", **fields)
    assert len(await driver.list_parents()) == 2
    assert await driver.list_events("siblings.linked") == []


async def test_c6_two_named_parents_behind_one_phone_and_email_are_one_record(driver: RosterDriver) -> None:
    student = await driver.add_student(
        "Mia Muster", parents=[ANNA, ANNA | {"name": "Ben Weber", "relation": "father"}]
    )
    [parent] = student["parents"]
    assert (parent["name"], parent["relation"]) == ("Anna Muster & Ben Weber", "parents")


async def test_c6_a_third_named_adult_gets_an_own_record_and_is_suggested(driver: RosterDriver) -> None:
    await driver.add_student("Mia Muster", parents=[ANNA, ANNA | {"name": "Ben Weber"}])
    await driver.add_student("Leo Muster", parents=[ANNA | {"name": "Carla Rossi"}])
    assert len(await driver.list_parents()) == 2
    [suggestion] = (await driver.get("siblings"))["items"]
    assert suggestion["reason"] == "same_phone_and_email"


async def test_c8_a_parent_shows_every_childs_details(driver: RosterDriver) -> None:
    await driver.add_student("Mia Muster", class_name="3b", number="1", **CLASSE365)
    await driver.add_student("Leo Muster", class_name="1a", number="2", **CLASSE365)
    [parent] = await driver.list_parents()
    shown = await driver.get(f"parents/{parent['parent_id']}")
    assert [(c["name"], c["class_name"], c["number"]) for c in shown["children"]] == [
        ("Mia Muster", "3b", "1"),
        ("Leo Muster", "1a", "2"),
    ]


async def test_p8_p9_add_parent_is_invited_by_default(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster")
    answer = await driver.call("POST", f"students/{student['student_id']}/parents", ANNA)
    assert answer.status_code == 201
    parent = answer.json()
    assert (parent["name"], parent["matched"]) == ("Anna Muster", False)
    added, requested = await driver.list_events("parent.added", "parent.invitation_requested")
    assert added.data["parent_id"] == requested.data["parent_id"] == parent["parent_id"]
    assert (added.version, requested.version) == (1, 2)
    assert {added.lane, requested.lane} == {"single"}


async def test_p10_unticked_invite_requests_no_invitation(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster")
    await driver.call("POST", f"students/{student['student_id']}/parents", ANNA | {"invite": False})
    assert await driver.list_events("parent.invitation_requested") == []
    assert len(await driver.list_events("parent.added")) == 1


async def test_posting_a_student_invites_only_on_request(driver: RosterDriver) -> None:
    await driver.add_student("Mia Muster", parents=[ANNA])
    assert await driver.list_events("parent.invitation_requested") == []
    await driver.add_student("Leo Weber", parents=[{"email": "weber@example.com"}], invite=True)
    assert len(await driver.list_events("parent.invitation_requested")) == 1


async def test_p17_a_parents_name_and_contacts_are_edited(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster", parents=[ANNA])
    parent_id = student["parents"][0]["parent_id"]
    answer = await driver.call(
        "PATCH", f"parents/{parent_id}", {"name": "Anna Weber", "email": "new@example.com"}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["email"]) == ("Anna Weber", "new@example.com")
    assert answer.json()["phone"] == "+41791112233"
    renamed, moved = await driver.list_events("parent.renamed", "parent.contact_changed")
    assert (renamed.version, moved.version) == (2, 3)
    ids_by_address = {
        c["address"]: c["contact_id"]
        for c in student["parents"] and (await driver.list_parents())[0]["contacts"]
    }
    assert set(ids_by_address) == {"new@example.com", "+41791112233"}


async def test_p17_a_list_of_contacts_replaces_them_all_and_those_that_stay_keep_their_id(
    driver: RosterDriver,
) -> None:
    student = await driver.add_student("Mia Muster", parents=[ANNA])
    parent_id = student["parents"][0]["parent_id"]
    before = {c["address"]: c["contact_id"] for c in (await driver.get(f"parents/{parent_id}"))["contacts"]}
    wanted = [
        {"kind": "email", "address": "second@example.com", "preferred": True},
        {"kind": "email", "address": "anna@example.com"},
    ]
    answer = await driver.call("PATCH", f"parents/{parent_id}", {"contacts": wanted})
    after = {c["address"]: c["contact_id"] for c in answer.json()["contacts"]}
    assert set(after) == {"second@example.com", "anna@example.com"}
    assert after["anna@example.com"] == before["anna@example.com"]
    assert answer.json()["email"] == "second@example.com"
    assert answer.json()["phone"] is None


async def test_p14_p15_p22_the_list_shows_and_filters_who_has_not_signed_up(driver: RosterDriver) -> None:
    both = await driver.add_student("Mia Muster", parents=[ANNA, {"name": "Ben", "email": "ben@example.com"}])
    done = await driver.add_student("Leo Weber", parents=[{"name": "Carla", "email": "carla@example.com"}])
    none = await driver.add_student("Zoe Alone")
    await sign_up(driver, both["parents"][0]["parent_id"], done["parents"][0]["parent_id"])
    waiting = (await driver.get("students", signed_up=False))["items"]
    assert {student["student_id"] for student in waiting} == {both["student_id"], none["student_id"]}
    assert [parent["signed_up"] for student in waiting for parent in student["parents"]] == [True, False]
    [finished] = (await driver.get("students", signed_up=True))["items"]
    assert (finished["student_id"], finished["signed_up"]) == (done["student_id"], True)


async def test_a_parent_who_has_signed_up_is_not_invited_again(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster", parents=[ANNA])
    await sign_up(driver, student["parents"][0]["parent_id"])
    await driver.add_student("Leo Muster", parents=[ANNA], invite=True)
    assert await driver.list_events("parent.invitation_requested") == []


async def test_p7_students_are_found_page_by_page(driver: RosterDriver) -> None:
    for name in ("Mia Muster", "Leo Muster", "Ana 100%_Weber", "Zoe Weber"):
        first, last = name.split()
        await driver.add_student(name, first_name=first, last_name=last)
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await driver.get("students", limit=1, **cursor)
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == ["Ana 100%_Weber", "Leo Muster", "Mia Muster", "Zoe Weber"]
    assert [item["name"] for item in (await driver.get("students", q="weBER"))["items"]] == [seen[0], seen[3]]
    assert [item["name"] for item in (await driver.get("students", q="100%_"))["items"]] == [seen[0]]
    assert [item["name"] for item in (await driver.get("students", q=" muster  mia"))["items"]] == [seen[2]]


async def test_c6_a_record_of_two_names_is_found_by_either(driver: RosterDriver) -> None:
    await driver.add_student(
        "Mia", father_name="Jo Muster", mother_name="Ann Muster", parents_contact="044 555 12 34"
    )
    for query, count in (("Jo Muster", 1), ("ann muster", 1), ("Jo & Ann", 1), ("+4144", 1), ("Jo Weber", 0)):
        assert len((await driver.get("parents", q=query))["items"]) == count, query


async def test_c4_siblings_posted_at_the_same_moment_are_one_family(driver: RosterDriver) -> None:
    await asyncio.gather(*(driver.add_student(f"Kind {i}", **CLASSE365) for i in range(12)))
    [parent] = await driver.list_parents()
    assert len(parent["children"]) == 12
    versions = [event.version for event in await driver.list_events("parent.added", "parent.access_changed")]
    assert versions == list(range(1, 13))
    assert len((await driver.list_events("siblings.linked"))[-1].data["student_ids"]) == 12


async def test_a_student_is_changed_and_removed(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster", number="7", class_name="3b", **CLASSE365)
    path = f"students/{student['student_id']}"
    changed = await driver.call(
        "PATCH", path, {"class_name": "4b", "last_name": "Weber", "first_name": "Mia"}
    )
    assert (changed.json()["name"], changed.json()["class_name"], changed.json()["number"]) == (
        "Mia Weber",
        "4b",
        "7",
    )
    assert (await driver.call("DELETE", path)).status_code == 204
    assert (await driver.call("GET", path)).status_code == 404
    [removed] = await driver.list_events("student.removed")
    assert removed.version == 3
    [access] = await driver.list_events("parent.access_changed")
    assert access.data["children"] == []


async def test_removing_a_parent_frees_its_contacts_for_a_new_record(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster", **CLASSE365)
    old = student["parents"][0]["parent_id"]
    assert (await driver.call("DELETE", f"parents/{old}")).status_code == 204
    assert [event.data["parent_id"] for event in await driver.list_events("parent.removed")] == [old]
    again = await driver.add_student("Leo Muster", **CLASSE365)
    assert again["parents"][0]["parent_id"] != old


async def test_an_idempotency_key_adds_one_student(driver: RosterDriver) -> None:
    body = {"name": "Mia Muster", "idempotency_key": "once"}
    first = await driver.call("POST", "students", body)
    second = await driver.call("POST", "students", body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert (await driver.get("summary")) == {"students": 1, "parents": 0}
    other = await driver.call("POST", "students", body | {"name": "Leo"})
    assert other.status_code == 422


async def test_a_school_busy_with_a_long_import_answers_503(
    driver: RosterDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schools, "LOCK_TIMEOUT_SECONDS", 0.05)
    async with driver.database.transaction() as tx:
        await schools.claim_school(tx, UUID(driver.school_id), background=True)
        answer = await driver.call("POST", "students", {"name": "Kim Sample"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    assert (await driver.call("POST", "students", {"name": "Kim Sample"})).status_code == 201
