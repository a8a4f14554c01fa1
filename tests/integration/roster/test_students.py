"""Students and their parents over HTTP, as two help centres describe it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.roster.consumers import on_signed_up
from services.roster.service import refusals
from shared.contracts.envelope import Attributes, Received
from shared.contracts.signup import SignedUp
from shared.runtime.core import new_id
from tests.integration.roster.office import CLASSE365, Office

ANNA = {"name": "Anna Muster", "relation": "mother", "email": "anna@example.com", "phone": "+41 79 111 22 33"}


async def sign_up(office: Office, *parent_ids: str) -> None:
    """What signup says of these parents, as the consumer hears it."""
    async with office.database.transaction() as tx:
        heard = []
        for parent_id in parent_ids:
            account = new_id()
            fact = SignedUp(
                account_id=account, parent_id=UUID(parent_id), invitation_id=new_id(), signed_up_at=tx.now
            )
            about = Attributes(
                id=str(new_id()),
                source="/kinvite/signup",
                type=fact.contract.type,
                subject=str(account),
                school_id=UUID(office.school_id),
                version=1,
                time=tx.now,
            )
            heard.append(Received(fact, about))
        await on_signed_up(tx, heard)


async def test_c1_c2_c3_the_four_fields_create_a_parent_and_map_the_student_to_it(office: Office) -> None:
    student = await office.add("Mia Muster", **CLASSE365)
    [parent] = student["parents"]
    assert (parent["name"], parent["relation"]) == ("Hans & Anna Muster", "parents")
    assert (parent["phone"], parent["email"]) == ("+41791234567", "muster@example.com")


async def test_c4_same_phone_and_email_is_one_parent_record_with_all_children(office: Office) -> None:
    first = await office.add("Mia Muster", **CLASSE365)
    other = CLASSE365 | {"parents_contact": "+41 79 123 45 67", "parents_email": " Muster@Example.com "}
    second = await office.add("Leo Muster", **other)
    [parent] = await office.parents()
    assert {child["student_id"] for child in parent["children"]} == {
        first["student_id"],
        second["student_id"],
    }
    assert parent["children"][1]["reason"] == "same_phone_and_email"
    [linked] = await office.facts("siblings.linked")
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
    office: Office, changed: dict[str, str], reason: str
) -> None:
    first = await office.add("Mia Muster", **CLASSE365)
    second = await office.add("Leo Muster", **CLASSE365 | changed)
    assert len(await office.parents()) == 2
    [suggestion] = (await office.get("siblings"))["items"]
    assert suggestion["reason"] == reason
    assert set(suggestion["student_ids"]) == {first["student_id"], second["student_id"]}
    assert await office.facts("siblings.linked") == []


@pytest.mark.parametrize(
    ("phone", "email"),
    [
        ("n/a", "none@none.com"),
        ("0000000000", "muster@example.com"),
        ("", ""),
        ("044 000 11 22", "muster@example.com"),
    ],
)
async def test_decision1_placeholders_and_the_schools_own_number_never_match(
    office: Office, phone: str, email: str
) -> None:
    await office.client.patch(office.path("").rstrip("/"), json={"phone": "+41 44 000 11 22"})
    fields = CLASSE365 | {"parents_contact": phone, "parents_email": email}
    await office.add("Mia Muster", **fields)
    await office.add("Leo Muster", **fields)
    assert len(await office.parents()) == 2
    assert await office.facts("siblings.linked") == []


async def test_c6_two_named_parents_behind_one_phone_and_email_are_one_record(office: Office) -> None:
    student = await office.add(
        "Mia Muster", parents=[ANNA, ANNA | {"name": "Ben Weber", "relation": "father"}]
    )
    [parent] = student["parents"]
    assert (parent["name"], parent["relation"]) == ("Anna Muster & Ben Weber", "parents")


async def test_c6_a_third_named_adult_gets_an_own_record_and_is_suggested(office: Office) -> None:
    await office.add("Mia Muster", parents=[ANNA, ANNA | {"name": "Ben Weber"}])
    await office.add("Leo Muster", parents=[ANNA | {"name": "Carla Rossi"}])
    assert len(await office.parents()) == 2
    [suggestion] = (await office.get("siblings"))["items"]
    assert suggestion["reason"] == "same_phone_and_email"


async def test_c8_a_parent_shows_every_childs_details(office: Office) -> None:
    await office.add("Mia Muster", class_name="3b", number="1", **CLASSE365)
    await office.add("Leo Muster", class_name="1a", number="2", **CLASSE365)
    [parent] = await office.parents()
    shown = await office.get(f"parents/{parent['parent_id']}")
    assert [(c["name"], c["class_name"], c["number"]) for c in shown["children"]] == [
        ("Mia Muster", "3b", "1"),
        ("Leo Muster", "1a", "2"),
    ]


async def test_p8_p9_add_parent_is_invited_by_default(office: Office) -> None:
    student = await office.add("Mia Muster")
    answer = await office.call("POST", f"students/{student['student_id']}/parents", ANNA)
    assert answer.status_code == 201
    parent = answer.json()
    assert (parent["name"], parent["matched"]) == ("Anna Muster", False)
    added, requested = await office.facts("parent.added", "parent.invitation_requested")
    assert added.data["parent_id"] == requested.data["parent_id"] == parent["parent_id"]
    assert (added.version, requested.version) == (1, 2)
    assert {added.lane, requested.lane} == {"single"}


async def test_p10_unticked_invite_asks_for_no_invitation(office: Office) -> None:
    student = await office.add("Mia Muster")
    await office.call("POST", f"students/{student['student_id']}/parents", ANNA | {"invite": False})
    assert await office.facts("parent.invitation_requested") == []
    assert len(await office.facts("parent.added")) == 1


async def test_posting_a_student_invites_only_when_told(office: Office) -> None:
    await office.add("Mia Muster", parents=[ANNA])
    assert await office.facts("parent.invitation_requested") == []
    await office.add("Leo Weber", parents=[{"email": "weber@example.com"}], invite=True)
    assert len(await office.facts("parent.invitation_requested")) == 1


async def test_p16_p17_a_parents_name_and_contacts_are_edited(office: Office) -> None:
    student = await office.add("Mia Muster", parents=[ANNA])
    parent_id = student["parents"][0]["parent_id"]
    answer = await office.call(
        "PATCH", f"parents/{parent_id}", {"name": "Anna Weber", "email": "new@example.com"}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["email"]) == ("Anna Weber", "new@example.com")
    assert answer.json()["phone"] == "+41791112233"
    renamed, moved = await office.facts("parent.renamed", "parent.contact_changed")
    assert (renamed.version, moved.version) == (2, 3)
    kept = {
        c["address"]: c["contact_id"] for c in student["parents"] and (await office.parents())[0]["contacts"]
    }
    assert set(kept) == {"new@example.com", "+41791112233"}


async def test_p17_a_list_of_contacts_replaces_them_all_and_those_that_stay_keep_their_id(
    office: Office,
) -> None:
    student = await office.add("Mia Muster", parents=[ANNA])
    parent_id = student["parents"][0]["parent_id"]
    before = {c["address"]: c["contact_id"] for c in (await office.get(f"parents/{parent_id}"))["contacts"]}
    wanted = [
        {"kind": "email", "address": "second@example.com", "preferred": True},
        {"kind": "email", "address": "anna@example.com"},
    ]
    answer = await office.call("PATCH", f"parents/{parent_id}", {"contacts": wanted})
    after = {c["address"]: c["contact_id"] for c in answer.json()["contacts"]}
    assert set(after) == {"second@example.com", "anna@example.com"}
    assert after["anna@example.com"] == before["anna@example.com"]
    assert answer.json()["email"] == "second@example.com"
    assert answer.json()["phone"] is None


async def test_p14_p15_p22_the_list_shows_and_filters_who_has_not_signed_up(office: Office) -> None:
    both = await office.add("Mia Muster", parents=[ANNA, {"name": "Ben", "email": "ben@example.com"}])
    done = await office.add("Leo Weber", parents=[{"name": "Carla", "email": "carla@example.com"}])
    none = await office.add("Zoe Alone")
    await sign_up(office, both["parents"][0]["parent_id"], done["parents"][0]["parent_id"])
    waiting = (await office.get("students", signed_up=False))["items"]
    assert {one["student_id"] for one in waiting} == {both["student_id"], none["student_id"]}
    assert [parent["signed_up"] for one in waiting for parent in one["parents"]] == [True, False]
    [finished] = (await office.get("students", signed_up=True))["items"]
    assert (finished["student_id"], finished["signed_up"]) == (done["student_id"], True)


async def test_p2_a_parent_who_has_signed_up_is_not_invited_again(office: Office) -> None:
    student = await office.add("Mia Muster", parents=[ANNA])
    await sign_up(office, student["parents"][0]["parent_id"])
    await office.add("Leo Muster", parents=[ANNA], invite=True)
    assert await office.facts("parent.invitation_requested") == []


async def test_p7_students_are_found_page_by_page(office: Office) -> None:
    for name in ("Mia Muster", "Leo Muster", "Ana 100%_Weber", "Zoe Weber"):
        first, last = name.split()
        await office.add(name, first_name=first, last_name=last)
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await office.get("students", limit=1, **cursor)
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == ["Ana 100%_Weber", "Leo Muster", "Mia Muster", "Zoe Weber"]
    assert [item["name"] for item in (await office.get("students", q="weBER"))["items"]] == [seen[0], seen[3]]
    assert [item["name"] for item in (await office.get("students", q="100%_"))["items"]] == [seen[0]]
    assert [item["name"] for item in (await office.get("students", q=" muster  mia"))["items"]] == [seen[2]]


async def test_c6_a_record_of_two_names_is_found_by_either(office: Office) -> None:
    await office.add(
        "Mia", father_name="Jo Muster", mother_name="Ann Muster", parents_contact="044 555 12 34"
    )
    for typed, found in (("Jo Muster", 1), ("ann muster", 1), ("Jo & Ann", 1), ("+4144", 1), ("Jo Weber", 0)):
        assert len((await office.get("parents", q=typed))["items"]) == found, typed


async def test_c4_siblings_posted_at_the_same_moment_are_one_family(office: Office) -> None:
    await asyncio.gather(*(office.add(f"Kind {i}", **CLASSE365) for i in range(12)))
    [parent] = await office.parents()
    assert len(parent["children"]) == 12
    versions = [fact.version for fact in await office.facts("parent.added", "parent.access_changed")]
    assert versions == list(range(1, 13))
    assert len((await office.facts("siblings.linked"))[-1].data["student_ids"]) == 12


async def test_a_student_is_changed_and_removed(office: Office) -> None:
    student = await office.add("Mia Muster", number="7", class_name="3b", **CLASSE365)
    path = f"students/{student['student_id']}"
    changed = await office.call(
        "PATCH", path, {"class_name": "4b", "last_name": "Weber", "first_name": "Mia"}
    )
    assert (changed.json()["name"], changed.json()["class_name"], changed.json()["number"]) == (
        "Mia Weber",
        "4b",
        "7",
    )
    assert (await office.call("DELETE", path)).status_code == 204
    assert (await office.call("GET", path)).status_code == 404
    [removed] = await office.facts("student.removed")
    assert removed.version == 3
    [access] = await office.facts("parent.access_changed")
    assert access.data["children"] == []


async def test_removing_a_parent_frees_its_contacts_for_a_new_record(office: Office) -> None:
    student = await office.add("Mia Muster", **CLASSE365)
    old = student["parents"][0]["parent_id"]
    assert (await office.call("DELETE", f"parents/{old}")).status_code == 204
    assert [fact.data["parent_id"] for fact in await office.facts("parent.removed")] == [old]
    again = await office.add("Leo Muster", **CLASSE365)
    assert again["parents"][0]["parent_id"] != old


async def test_an_idempotency_key_adds_one_student(office: Office) -> None:
    body = {"name": "Mia Muster", "idempotency_key": "once"}
    first = await office.call("POST", "students", body)
    second = await office.call("POST", "students", body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert (await office.get("summary")) == {"students": 1, "parents": 0}
    other = await office.call("POST", "students", body | {"name": "Leo"})
    assert other.status_code == 422


async def test_a_school_busy_with_a_long_import_asks_to_try_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PATIENCE", text("SET LOCAL lock_timeout = '50ms'"))
    async with office.database.transaction() as tx:
        await refusals.claim_school(tx, UUID(office.school_id), patient=True)
        answer = await office.call("POST", "students", {"name": "Kim Sample"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    assert (await office.call("POST", "students", {"name": "Kim Sample"})).status_code == 201
