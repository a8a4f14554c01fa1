"""Invalid input: the response names the field, nothing is half-written, and no status is 5xx."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.roster.builders import CLASSE365, SCHOOL
from tests.integration.roster.driver import RosterDriver
from tests.support.apps import bearer

NOBODY = "01a20000-0000-7000-8000-000000000000"
ANNA = {"name": "Anna Muster", "email": "anna@example.com"}
CONTROL = "Anna\r\nBcc: thief@example.com"


def fields_at_fault(answer: httpx.Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["field"] for error in answer.json().get("errors", [])}


BAD_STUDENTS: list[Any] = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "n/a"}, "name"),
    ({"name": 7}, "name"),
    ({"name": ["Mia"]}, "name"),
    ({"name": CONTROL}, "name"),
    ({"name": "Mia\x00"}, "name"),
    ({"name": "Mia\u202e"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "Mia", "number": "1" * 61}, "number"),
    ({"name": "Mia", "birth_date": "soon"}, "birth_date"),
    ({"name": "Mia", "birth_date": "0001-01-01"}, "birth_date"),
    ({"name": "Mia", "parents": "Anna"}, "parents"),
    ({"name": "Mia", "parents": [ANNA] * 21}, "parents"),
    ({"name": "Mia", "parents": [ANNA, {"name": CONTROL}]}, "parents.1.name"),
    ({"name": "Mia", "parents": [{"email": "anna@"}]}, "parents.0.email"),
    ({"name": "Mia", "parents": [{"email": "anna@example.com\r\nBcc: x@y.z"}]}, "parents.0.email"),
    ({"name": "Mia", "parents": [{"email": "a" * 300 + "@example.com"}]}, "parents.0.email"),
    ({"name": "Mia", "parents": [{"phone": "call me"}]}, "parents.0.phone"),
    ({"name": "Mia", "parents": [{"phone": "9" * 400}]}, "parents.0.phone"),
    ({"name": "Mia", "parents": [{"phone": 41791234567}]}, "parents.0.phone"),
    ({"name": "Mia", "parents": [{"name": "Anna", "language": "klingon!"}]}, "parents.0.language"),
    ({"name": "Mia", "parents_contact": "12"}, "parents_contact"),
    ({"name": "Mia", "parents_email": "not an address"}, "parents_email"),
    ({"name": "Mia", "father_name": CONTROL}, "father_name"),
    ({"name": "Mia", "invite": "perhaps"}, "invite"),
    ({"name": "Mia", "idempotency_key": "a\nb"}, "idempotency_key"),
]


async def test_a_bad_student_is_refused_with_the_field(driver: RosterDriver) -> None:
    for body, field in BAD_STUDENTS:
        answer = await driver.call("POST", "students", body)
        assert answer.status_code in (400, 422), answer.text
        assert field in fields_at_fault(answer)
        assert await driver.get("summary") == {"students": 0, "parents": 0}


BAD_SCHOOLS: list[Any] = [
    ({"name": None}, "name"),
    ({"name": CONTROL}, "name"),
    ({"country": "Switzerland"}, "country"),
    ({"country": None}, "country"),
    ({"language": "not a language"}, "language"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
    ({"credentials_mode": "guess"}, "credentials_mode"),
    ({"invitation_lifetime_days": 0}, "invitation_lifetime_days"),
    ({"invitation_lifetime_days": 10**30}, "invitation_lifetime_days"),
    ({"reminder_days": [6, 3]}, "reminder_days"),
    ({"reminder_days": [10]}, "reminder_days"),
    ({"quiet_from": "25:00"}, "quiet_from"),
    ({"quiet_until": 28800}, "quiet_until"),
    ({"quiet_until": "08:00:30"}, "quiet_until"),
    ({"phone": "12"}, "phone"),
    ({"email": "office@"}, "email"),
]


async def test_a_bad_school_is_refused_with_the_field(driver: RosterDriver) -> None:
    for change, field in BAD_SCHOOLS:
        answer = await driver.client.post("/roster/v1/schools", json=SCHOOL | change)
        assert answer.status_code == 422, answer.text
        assert field in fields_at_fault(answer)


NO_OBJECTS: list[Any] = [b"", b"{", b"[]", b'"x"', b'{"name": "\\ud800"}', b"\xff\xfe", b"null", b"[" * 5000]


async def test_a_body_that_is_no_object_is_refused(driver: RosterDriver) -> None:
    for body in NO_OBJECTS:
        headers = {"content-type": "application/json"}
        answer = await driver.client.post(driver.path("students"), content=body, headers=headers)
        assert answer.status_code in (400, 422), answer.text


BAD_QUERIES: list[Any] = [
    "limit=0",
    "limit=1001",
    "limit=x",
    "cursor=rubbish",
    "cursor=WyJhIl0",
    "cursor=WyJhIiwgImIiXQ",
    "signed_up=x",
    "q=%00",
]


async def test_bad_queries_are_refused(driver: RosterDriver) -> None:
    for query in BAD_QUERIES:
        answer = await driver.client.get(driver.path(f"students?{query}"))
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


ROUTES: list[Any] = [
    ("GET", "students", None),
    ("POST", "students", {"name": "Mia"}),
    ("GET", "parents", None),
    ("GET", "siblings", None),
    ("POST", "siblings", {"student_ids": [str(NOBODY), str(NOBODY)]}),
    ("GET", "imports", None),
    ("GET", "summary", None),
    ("GET", f"students/{NOBODY}", None),
    ("PATCH", f"parents/{NOBODY}", {"name": "Anna"}),
    ("DELETE", f"students/{NOBODY}", None),
]


async def test_an_unknown_school_is_404(driver: RosterDriver) -> None:
    for method, rest, body in ROUTES:
        answer = await driver.client.request(method, f"/roster/v1/schools/{NOBODY}/{rest}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "school_not_found")
        assert (
            await driver.client.request(method, f"/roster/v1/schools/one/{rest}", json=body)
        ).status_code == 422


async def test_one_school_never_reaches_anothers_families(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia Muster", **CLASSE365)
    parent_id = student["parents"][0]["parent_id"]
    done = await driver.import_file(b"name\nLeo\n")
    other = await RosterDriver.with_new_school(driver.client, driver.database)
    for method, rest, body in (
        ("GET", f"students/{student['student_id']}", None),
        ("PATCH", f"students/{student['student_id']}", {"name": "X"}),
        ("DELETE", f"students/{student['student_id']}", None),
        ("POST", f"students/{student['student_id']}/parents", ANNA),
        ("GET", f"parents/{parent_id}", None),
        ("PATCH", f"parents/{parent_id}", {"name": "X"}),
        ("DELETE", f"parents/{parent_id}", None),
        ("POST", "siblings", {"parent_ids": [parent_id]}),
        ("DELETE", f"siblings/{NOBODY}", None),
        ("GET", f"imports/{done['import_id']}", None),
        ("POST", f"imports/{done['import_id']}/apply", None),
        ("GET", f"imports/{done['import_id']}/report.csv", None),
    ):
        answer = await other.call(method, rest, body)
        assert answer.status_code == 404, (method, rest, answer.text)
    await other.add_student("Leo Muster", **CLASSE365)
    assert len(await driver.list_parents()) == 1
    assert len((await driver.list_parents())[0]["children"]) == 1


async def test_rights_and_scope_of_a_token_are_kept(driver: RosterDriver) -> None:
    nobody = await driver.client.get(driver.path("students"), headers={"Authorization": "Bearer x"})
    reader = bearer("roster:read")
    assert nobody.status_code == 401
    assert (await driver.client.get(driver.path("students"), headers=reader)).status_code == 200
    assert (
        await driver.client.post(driver.path("students"), json={"name": "M"}, headers=reader)
    ).status_code == 403
    assert (await driver.client.post(driver.path("imports"), headers=reader)).status_code == 403


async def test_a_number_belongs_to_one_student(driver: RosterDriver) -> None:
    await driver.add_student("Mia", number="7")
    leo = await driver.add_student("Leo")
    for method, rest in (("POST", "students"), ("PATCH", f"students/{leo['student_id']}")):
        answer = await driver.call(method, rest, {"name": "Leo", "number": "7"})
        assert (answer.status_code, answer.json()["code"]) == (409, "number_in_use")


BAD_PARENTS: list[Any] = [
    ({}, "name"),
    ({"email": "n/a"}, "name"),
    ({"name": "Anna", "email": "at home"}, "email"),
    ({"name": "Anna", "phone": "at home"}, "phone"),
    ({"name": "Anna", "relation": "m" * 61}, "relation"),
]


async def test_add_parent_names_the_field(driver: RosterDriver) -> None:
    for body, field in BAD_PARENTS:
        student = await driver.add_student("Mia")
        answer = await driver.call("POST", f"students/{student['student_id']}/parents", body)
        assert answer.status_code == 422
        assert field in fields_at_fault(answer)
        assert await driver.list_parents() == []


BAD_CHANGES: list[Any] = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"email": "at home"}, "email"),
    ({"contacts": [{"kind": "fax", "address": "1"}]}, "contacts.0.kind"),
    ({"contacts": [{"kind": "email", "address": "x"}]}, "contacts.0.address"),
    ({"contacts": "x"}, "contacts"),
]


async def test_a_bad_change_of_a_parent_changes_nothing(driver: RosterDriver) -> None:
    for body, field in BAD_CHANGES:
        student = await driver.add_student("Mia", parents=[ANNA])
        before = await driver.list_parents()
        answer = await driver.call("PATCH", f"parents/{student['parents'][0]['parent_id']}", body)
        assert answer.status_code == 422
        assert field in fields_at_fault(answer)
        assert await driver.list_parents() == before


async def test_uploads_that_are_none(driver: RosterDriver) -> None:
    path = driver.path("imports")
    assert fields_at_fault(await driver.client.post(path, json={})) == {"file"}
    assert fields_at_fault(await driver.client.post(path, data={"file": "text"})) == {"file"}
    assert fields_at_fault(await driver.upload(b"")) == {"file"}
    assert fields_at_fault(await driver.upload(b"name\nMia\n", dry_run="perhaps")) == {"dry_run"}
    broken = await driver.client.post(
        path, content=b"x", headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert broken.status_code in (400, 422)
    assert (await driver.upload(b"x" * (9 * 1024 * 1024))).status_code == 413
    assert (await driver.call("POST", "students", {"name": "x" * 2_000_000})).status_code == 413
    assert (await driver.get("imports"))["items"] == []


async def test_nothing_personal_is_logged(driver: RosterDriver, capfd: pytest.CaptureFixture[str]) -> None:
    await driver.add_student("Mia Geheim", **CLASSE365)
    await driver.import_file(b"name,parents_email\nLeo Geheim,geheim@\n")
    await driver.call("POST", "students", {"name": "Geheim\x00"})
    output = "".join(capfd.readouterr())
    assert "request.answered" in output
    assert "eheim" not in output
    assert "muster" not in output.lower()
