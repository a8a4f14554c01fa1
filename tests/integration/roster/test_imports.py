"""Imports of spreadsheets: checked, previewed, applied whole or not at all, repeatable, and without invitations."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.integration.roster.builders import csv, xlsx
from tests.integration.roster.driver import RosterDriver

TITLES = ("name", "number", "class_name", "father_name", "mother_name", "parents_contact", "parents_email")
FAMILY = ("Hans Müller", "Ana Müller", "079 123 45 67", "mueller@example.com")
GOOD = csv(
    TITLES,
    ("Mia Müller", "1", "3b", *FAMILY),
    ("Leo Müller", "2", "1a", *FAMILY),
    ("Zoé Weber", "3", "1a", "", "Eva Weber", "079 765 43 21", "weber@example.com"),
)
BAD = csv(TITLES, ("Mia Müller", "1", "3b", *FAMILY), ("", "2", "1a", "", "", "12", "nobody@"))


async def test_p18_c2_c4_an_import_adds_families_and_invites_nobody(driver: RosterDriver) -> None:
    done = await driver.import_file(GOOD)
    assert done["state"] == "applied", done
    assert done["counts"] == {
        "rows": 3,
        "rows_refused": 0,
        "students_new": 3,
        "students_changed": 0,
        "unchanged": 0,
        "parents_new": 2,
        "siblings_linked": 1,
    }
    assert {parent["name"]: len(parent["children"]) for parent in await driver.list_parents()} == {
        "Hans & Ana Müller": 2,
        "Eva Weber": 1,
    }
    events = await driver.list_events()
    assert {event.lane for event in events if event.type != "school.registered"} == {"bulk"}
    assert "parent.invitation_requested" not in {event.type for event in events}


async def test_the_same_file_again_changes_nothing(driver: RosterDriver) -> None:
    await driver.import_file(GOOD)
    before = len(await driver.list_events())
    counts = (await driver.import_file(GOOD))["counts"]
    assert (counts["unchanged"], counts["students_new"], counts["parents_new"]) == (3, 0, 0)
    assert len(await driver.list_events()) == before


async def test_the_same_file_without_numbers_again_changes_nothing(driver: RosterDriver) -> None:
    named = csv(
        (
            "first name",
            "Last Name",
            "Parent 1 Name",
            "parent1_email",
            "parent1_phone",
            "Parent2 Name",
            "parent2_email",
        ),
        ("Mia", "Muster", "Anna Muster", "a@example.com", "", "Ben Muster", "a@example.com"),
        ("Leo", "Muster", "Anna Muster", "a@example.com", "", "", ""),
        ("Zoe", "Nobody", "", "", "", "", ""),
    )
    first = (await driver.import_file(named))["counts"]
    assert (first["students_new"], first["parents_new"]) == (3, 3)
    second = (await driver.import_file(named))["counts"]
    assert (second["unchanged"], second["students_new"], second["parents_new"]) == (3, 0, 0)


async def test_a_later_file_changes_what_is_different_and_blanks_take_nothing_away(
    driver: RosterDriver,
) -> None:
    await driver.import_file(GOOD)
    later = csv(
        TITLES,
        ("Mia Müller", "1", "4b", "", "", "", ""),
        ("Zoé Weber", "3", "1a", "", "", "", "w2@example.com"),
    )
    counts = (await driver.import_file(later))["counts"]
    assert (counts["students_changed"], counts["students_new"]) == (2, 0)
    shown = {student["name"]: student for student in (await driver.get("students"))["items"]}
    assert shown["Mia Müller"]["class_name"] == "4b"
    assert len(shown["Mia Müller"]["parents"]) == 1


async def test_one_row_per_guardian_is_one_student(driver: RosterDriver) -> None:
    rows = csv(
        ("Student ID", "Student", "Guardian Name", "Guardian Email"),
        ("7", "Mia Muster", "Anna Muster", "anna@example.com"),
        ("7", "Mia Muster", "Ben Muster", "ben@example.com"),
    )
    counts = (await driver.import_file(rows))["counts"]
    assert (counts["rows"], counts["students_new"], counts["parents_new"]) == (2, 1, 2)


async def test_bad_rows_refuse_the_whole_file_with_their_positions(driver: RosterDriver) -> None:
    done = await driver.import_file(BAD)
    assert (done["state"], done["counts"]["rows"], done["counts"]["rows_refused"]) == ("refused", 2, 1)
    assert [(e["row"], e["column"], e["value"], e["code"]) for e in done["errors"]] == [
        (3, "name", "", "required"),
        (3, "parents_contact", "12", "phone_invalid"),
        (3, "parents_email", "nobody@", "email_invalid"),
    ]
    assert await driver.get("summary") == {"students": 0, "parents": 0}
    assert [event.type for event in await driver.list_events()] == ["school.registered"]


async def test_bad_rows_are_skipped_on_request(driver: RosterDriver) -> None:
    done = await driver.import_file(BAD, skip_bad_rows="true")
    assert (done["state"], done["counts"]["students_new"], done["counts"]["rows_refused"]) == (
        "applied",
        1,
        1,
    )


async def test_a_dry_run_previews_and_is_applied_once(driver: RosterDriver) -> None:
    shown = await driver.import_file(GOOD, dry_run="true")
    assert (shown["state"], shown["counts"]["students_new"], shown["counts"]["parents_new"]) == (
        "preview",
        3,
        2,
    )
    assert await driver.get("summary") == {"students": 0, "parents": 0}
    for _ in range(2):
        answer = await driver.call("POST", f"imports/{shown['import_id']}/apply")
        assert answer.status_code == 202
    done = await driver.wait_for_import(shown["import_id"])
    assert (done["state"], done["counts"]) == ("applied", shown["counts"])
    assert await driver.get("summary") == {"students": 3, "parents": 2}


async def test_a_preview_with_bad_rows_is_applied_only_with_an_order_to_skip(driver: RosterDriver) -> None:
    shown = await driver.import_file(BAD, dry_run="true")
    path = f"imports/{shown['import_id']}/apply"
    answer = await driver.call("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (409, "rows_refused")
    assert (await driver.call("POST", path, {"skip_bad_rows": True})).status_code == 202
    assert (await driver.wait_for_import(shown["import_id"]))["counts"]["students_new"] == 1
    refused = await driver.import_file(BAD)
    assert (await driver.call("POST", f"imports/{refused['import_id']}/apply")).status_code == 409


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: codecs.BOM_UTF8 + text.encode(), id="utf-8 with a mark"),
        pytest.param(lambda text: text.replace(",", ";").encode("cp1252"), id="Excel, semicolons"),
        pytest.param(lambda text: text.replace(",", "\t").encode("utf-16"), id="Excel, Unicode text"),
        pytest.param(lambda text: ("sep=;\n" + text.replace(",", ";")).encode(), id="with a sep line"),
        pytest.param(lambda text: text.encode("utf-16-le"), id="utf-16 without a mark"),
        pytest.param(lambda text: text.replace("\r\n", "\n").rstrip().encode(), id="no last line end"),
    ],
)
async def test_files_as_excel_writes_them(driver: RosterDriver, encode: Callable[[str], bytes]) -> None:
    done = await driver.import_file(encode(GOOD.decode()))
    assert done["state"] == "applied", done
    assert "Zoé Weber" in {student["name"] for student in (await driver.get("students"))["items"]}


async def test_a_workbook_is_read_as_it_is_shown(driver: RosterDriver) -> None:
    rows: list[tuple[object, ...]] = [
        TITLES,
        ("Mia Müller", 12, "3b", "Hans", "", 41791234567.0, "h@example.com"),
    ]
    done = await driver.import_file(xlsx(rows))
    assert done["state"] == "applied", done
    [student] = (await driver.get("students"))["items"]
    assert (student["number"], student["parents"][0]["phone"]) == ("12", "+41791234567")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"colour,shape\nred,round\n", "unknown_header"),
        (b"name,number\n", "no_rows"),
        (b"\n \n", "file_empty"),
        (bytes(range(256)) * 40, "not_a_table"),
        (b"PK\x03\x04 not really", "not_a_table"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, "old_excel"),
        (b"name,name\nMia,Leo\n", "duplicate_column"),
        (b"name,number\n" + b"x" * 40_000 + b",1\n", "not_a_table"),
    ],
)
async def test_a_file_that_is_no_list_of_students_is_refused_with_the_reason(
    driver: RosterDriver, content: bytes, code: str
) -> None:
    done = await driver.import_file(content)
    assert (done["state"], [error["code"] for error in done["errors"]]) == ("refused", [code])
    if code == "unknown_header":
        assert "colour, shape" in done["errors"][0]["message"]
        assert "father_name" in done["errors"][0]["message"]


async def test_unknown_columns_are_shown_and_left_out(driver: RosterDriver) -> None:
    done = await driver.import_file(b"name,Shoe size\nMia,31\n")
    assert (done["state"], done["ignored_columns"]) == ("applied", ["Shoe size"])


async def test_one_number_for_two_names_is_refused(driver: RosterDriver) -> None:
    done = await driver.import_file(b"name,Roll No\nMia,1\nLeo,1\n")
    [error] = done["errors"]
    assert (error["row"], error["column"], error["value"]) == (3, "Roll No", "1")
    assert error["code"] == "duplicate_number"


async def test_the_report_is_safe_to_open_in_a_spreadsheet(driver: RosterDriver) -> None:
    done = await driver.import_file(b"name,parents_email\n=1+1,=cmd()@\n'+Max,\n", skip_bad_rows="1")
    report = await driver.client.get(driver.path(f"imports/{done['import_id']}/report.csv"))
    assert report.status_code == 200
    assert report.headers["content-type"].startswith("text/csv")
    assert "2,parents_email,'=cmd()@,email_invalid" in report.text
    assert [student["name"] for student in (await driver.get("students"))["items"]] == ["+Max"]


async def test_control_characters_in_a_cell_are_refused(driver: RosterDriver) -> None:
    done = await driver.import_file(b'name,mother_name\n"Mia\r\nBcc: x@y.z",Eva\nLeo,E\x01va\n')
    assert [(e["row"], e["column"], e["code"]) for e in done["errors"]] == [
        (2, "name", "control_character"),
        (3, "mother_name", "control_character"),
    ]


async def test_an_import_whose_worker_was_killed_is_claimed_by_the_next(driver: RosterDriver) -> None:
    async with driver.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO imports (school_id, import_id, state, dry_run, skip_bad_rows, filename, size_bytes, claims,"
            " claimed_until) VALUES (CAST(:school AS uuid), gen_random_uuid(), 'validating', false, false, 'x', 1, 1,"
            " now() + interval '1 hour')",
            {"school": driver.school_id},
        )
        row = await tx.row("SELECT import_id FROM imports")
        assert row is not None
        await tx.execute(
            "INSERT INTO import_chunks VALUES (CAST(:school AS uuid), :id, 0, :data)",
            {"school": driver.school_id, "id": row.import_id, "data": GOOD},
        )
        await tx.execute(
            "INSERT INTO import_batches (school_id, import_id, position, rows, entries)"
            " VALUES (CAST(:school AS uuid), :id, 0, '{2}', 'half')",
            {"school": driver.school_id, "id": row.import_id},
        )
    assert (await driver.get(f"imports/{row.import_id}"))["state"] == "validating"
    async with driver.database.transaction() as tx:
        await tx.execute("UPDATE imports SET claimed_until = now() - interval '1 s'")
    done = await driver.wait_for_import(str(row.import_id))
    assert (done["state"], done["counts"]["students_new"]) == ("applied", 3)


async def test_an_import_that_keeps_killing_its_worker_fails_with_a_reason(driver: RosterDriver) -> None:
    shown = await driver.import_file(GOOD, dry_run="true")
    async with driver.database.transaction() as tx:
        await tx.execute("UPDATE imports SET state = 'applying', claims = 5, claimed_until = NULL")
    done = await driver.wait_for_import(shown["import_id"])
    assert (done["state"], "too often" in done["failure"]) == ("failed", True)
    assert await driver.get("summary") == {"students": 0, "parents": 0}


async def test_two_imports_of_one_family_at_once_are_one_family(driver: RosterDriver) -> None:
    ids = [(await driver.upload(GOOD)).json()["import_id"] for _ in range(3)]
    done = [await driver.wait_for_import(import_id) for import_id in ids]
    assert sorted(state["counts"]["students_new"] for state in done) == [0, 0, 3]
    assert len(await driver.list_parents()) == 2
    listed = (await driver.get("imports"))["items"]
    assert {UUID(item["import_id"]) for item in listed} == {UUID(import_id) for import_id in ids}


async def test_an_idempotency_key_takes_a_file_once(driver: RosterDriver) -> None:
    headers = {"Idempotency-Key": "file-1"}
    path = driver.path("imports")
    first = await driver.client.post(path, files={"file": ("a.csv", GOOD)}, headers=headers)
    second = await driver.client.post(path, files={"file": ("a.csv", GOOD)}, headers=headers)
    assert first.json()["import_id"] == second.json()["import_id"]
    other = await driver.client.post(path, files={"file": ("a.csv", BAD)}, headers=headers)
    assert other.status_code == 422
