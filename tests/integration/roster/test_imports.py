"""A spreadsheet goes in: checked, previewed, applied whole or not at all, the same twice, and nobody is invited."""

import codecs
import io
import zipfile
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.integration.roster.office import Office, csv

TITLES = ("name", "number", "class_name", "father_name", "mother_name", "parents_contact", "parents_email")
FAMILY = ("Hans Müller", "Ana Müller", "079 123 45 67", "mueller@example.com")
GOOD = csv(
    TITLES,
    ("Mia Müller", "1", "3b", *FAMILY),
    ("Leo Müller", "2", "1a", *FAMILY),
    ("Zoé Weber", "3", "1a", "", "Eva Weber", "079 765 43 21", "weber@example.com"),
)
BAD = csv(TITLES, ("Mia Müller", "1", "3b", *FAMILY), ("", "2", "1a", "", "", "12", "nobody@"))


def xlsx(rows: list[tuple[object, ...]]) -> bytes:
    """The smallest workbook that holds these rows."""

    def cell(value: object) -> str:
        if isinstance(value, (int, float)):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


async def test_p18_c2_c4_an_import_adds_families_and_invites_nobody(office: Office) -> None:
    done = await office.imported(GOOD)
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
    assert {parent["name"]: len(parent["children"]) for parent in await office.parents()} == {
        "Hans & Ana Müller": 2,
        "Eva Weber": 1,
    }
    facts = await office.facts()
    assert {fact.lane for fact in facts if fact.type != "school.registered"} == {"bulk"}
    assert "parent.invitation_requested" not in {fact.type for fact in facts}


async def test_the_same_file_again_changes_nothing(office: Office) -> None:
    await office.imported(GOOD)
    before = len(await office.facts())
    counts = (await office.imported(GOOD))["counts"]
    assert (counts["unchanged"], counts["students_new"], counts["parents_new"]) == (3, 0, 0)
    assert len(await office.facts()) == before


async def test_the_same_file_without_numbers_again_changes_nothing(office: Office) -> None:
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
    first = (await office.imported(named))["counts"]
    assert (first["students_new"], first["parents_new"]) == (3, 3)
    second = (await office.imported(named))["counts"]
    assert (second["unchanged"], second["students_new"], second["parents_new"]) == (3, 0, 0)


async def test_a_later_file_changes_what_is_different_and_blanks_take_nothing_away(office: Office) -> None:
    await office.imported(GOOD)
    later = csv(
        TITLES,
        ("Mia Müller", "1", "4b", "", "", "", ""),
        ("Zoé Weber", "3", "1a", "", "", "", "w2@example.com"),
    )
    counts = (await office.imported(later))["counts"]
    assert (counts["students_changed"], counts["students_new"]) == (2, 0)
    shown = {one["name"]: one for one in (await office.get("students"))["items"]}
    assert shown["Mia Müller"]["class_name"] == "4b"
    assert len(shown["Mia Müller"]["parents"]) == 1


async def test_one_row_per_guardian_is_one_student(office: Office) -> None:
    rows = csv(
        ("Student ID", "Student", "Guardian Name", "Guardian Email"),
        ("7", "Mia Muster", "Anna Muster", "anna@example.com"),
        ("7", "Mia Muster", "Ben Muster", "ben@example.com"),
    )
    counts = (await office.imported(rows))["counts"]
    assert (counts["rows"], counts["students_new"], counts["parents_new"]) == (2, 1, 2)


async def test_bad_rows_refuse_the_whole_file_and_say_where(office: Office) -> None:
    done = await office.imported(BAD)
    assert (done["state"], done["counts"]["rows"], done["counts"]["rows_refused"]) == ("refused", 2, 1)
    assert [(e["row"], e["column"], e["value"], e["code"]) for e in done["errors"]] == [
        (3, "name", "", "required"),
        (3, "parents_contact", "12", "phone_invalid"),
        (3, "parents_email", "nobody@", "email_invalid"),
    ]
    assert await office.get("summary") == {"students": 0, "parents": 0}
    assert [fact.type for fact in await office.facts()] == ["school.registered"]


async def test_bad_rows_are_skipped_when_told(office: Office) -> None:
    done = await office.imported(BAD, skip_bad_rows="true")
    assert (done["state"], done["counts"]["students_new"], done["counts"]["rows_refused"]) == (
        "applied",
        1,
        1,
    )


async def test_a_dry_run_previews_and_is_applied_once(office: Office) -> None:
    shown = await office.imported(GOOD, dry_run="true")
    assert (shown["state"], shown["counts"]["students_new"], shown["counts"]["parents_new"]) == (
        "preview",
        3,
        2,
    )
    assert await office.get("summary") == {"students": 0, "parents": 0}
    for _ in range(2):
        answer = await office.call("POST", f"imports/{shown['import_id']}/apply")
        assert answer.status_code == 202
    done = await office.rested(shown["import_id"])
    assert (done["state"], done["counts"]) == ("applied", shown["counts"])
    assert await office.get("summary") == {"students": 3, "parents": 2}


async def test_a_preview_with_bad_rows_is_applied_only_when_told_to_skip(office: Office) -> None:
    shown = await office.imported(BAD, dry_run="true")
    path = f"imports/{shown['import_id']}/apply"
    answer = await office.call("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (409, "rows_refused")
    assert (await office.call("POST", path, {"skip_bad_rows": True})).status_code == 202
    assert (await office.rested(shown["import_id"]))["counts"]["students_new"] == 1
    refused = await office.imported(BAD)
    assert (await office.call("POST", f"imports/{refused['import_id']}/apply")).status_code == 409


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
async def test_files_as_excel_writes_them(office: Office, encode: Callable[[str], bytes]) -> None:
    done = await office.imported(encode(GOOD.decode()))
    assert done["state"] == "applied", done
    assert "Zoé Weber" in {one["name"] for one in (await office.get("students"))["items"]}


async def test_a_workbook_is_read_as_it_is_shown(office: Office) -> None:
    rows: list[tuple[object, ...]] = [
        TITLES,
        ("Mia Müller", 12, "3b", "Hans", "", 41791234567.0, "h@example.com"),
    ]
    done = await office.imported(xlsx(rows))
    assert done["state"] == "applied", done
    [student] = (await office.get("students"))["items"]
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
    office: Office, content: bytes, code: str
) -> None:
    done = await office.imported(content)
    assert (done["state"], [error["code"] for error in done["errors"]]) == ("refused", [code])
    if code == "unknown_header":
        assert "colour, shape" in done["errors"][0]["message"]
        assert "father_name" in done["errors"][0]["message"]


async def test_unknown_columns_are_shown_and_left_out(office: Office) -> None:
    done = await office.imported(b"name,Shoe size\nMia,31\n")
    assert (done["state"], done["ignored_columns"]) == ("applied", ["Shoe size"])


async def test_one_number_for_two_names_is_refused(office: Office) -> None:
    done = await office.imported(b"name,Roll No\nMia,1\nLeo,1\n")
    [error] = done["errors"]
    assert (error["row"], error["column"], error["value"]) == (3, "Roll No", "1")
    assert error["code"] == "duplicate_number"


async def test_the_report_is_safe_to_open_in_a_spreadsheet(office: Office) -> None:
    done = await office.imported(b"name,parents_email\n=1+1,=cmd()@\n'+Max,\n", skip_bad_rows="1")
    report = await office.client.get(office.path(f"imports/{done['import_id']}/report.csv"))
    assert report.status_code == 200
    assert report.headers["content-type"].startswith("text/csv")
    assert "2,parents_email,'=cmd()@,email_invalid" in report.text
    assert [one["name"] for one in (await office.get("students"))["items"]] == ["+Max"]


async def test_control_characters_in_a_cell_are_refused(office: Office) -> None:
    done = await office.imported(b'name,mother_name\n"Mia\r\nBcc: x@y.z",Eva\nLeo,E\x01va\n')
    assert [(e["row"], e["column"], e["code"]) for e in done["errors"]] == [
        (2, "name", "control_character"),
        (3, "mother_name", "control_character"),
    ]


async def test_an_import_whose_worker_was_killed_is_taken_up_by_the_next(office: Office) -> None:
    async with office.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO imports (school_id, import_id, state, dry_run, skip_bad_rows, filename, size_bytes, claims,"
            " claimed_until) VALUES (CAST(:school AS uuid), gen_random_uuid(), 'validating', false, false, 'x', 1, 1,"
            " now() + interval '1 hour')",
            {"school": office.school_id},
        )
        row = await tx.row("SELECT import_id FROM imports")
        assert row is not None
        await tx.execute(
            "INSERT INTO import_chunks VALUES (CAST(:school AS uuid), :id, 0, :data)",
            {"school": office.school_id, "id": row.import_id, "data": GOOD},
        )
        await tx.execute(
            "INSERT INTO import_batches (school_id, import_id, position, rows, entries)"
            " VALUES (CAST(:school AS uuid), :id, 0, '{2}', 'half')",
            {"school": office.school_id, "id": row.import_id},
        )
    assert (await office.get(f"imports/{row.import_id}"))["state"] == "validating"
    async with office.database.transaction() as tx:
        await tx.execute("UPDATE imports SET claimed_until = now() - interval '1 s'")
    done = await office.rested(str(row.import_id))
    assert (done["state"], done["counts"]["students_new"]) == ("applied", 3)


async def test_an_import_that_keeps_killing_its_worker_fails_and_says_so(office: Office) -> None:
    shown = await office.imported(GOOD, dry_run="true")
    async with office.database.transaction() as tx:
        await tx.execute("UPDATE imports SET state = 'applying', claims = 5, claimed_until = NULL")
    done = await office.rested(shown["import_id"])
    assert (done["state"], "too often" in done["failure"]) == ("failed", True)
    assert await office.get("summary") == {"students": 0, "parents": 0}


async def test_two_imports_of_one_family_at_once_are_one_family(office: Office) -> None:
    ids = [(await office.send(GOOD)).json()["import_id"] for _ in range(3)]
    done = [await office.rested(import_id) for import_id in ids]
    assert sorted(one["counts"]["students_new"] for one in done) == [0, 0, 3]
    assert len(await office.parents()) == 2
    listed = (await office.get("imports"))["items"]
    assert {UUID(one["import_id"]) for one in listed} == {UUID(one) for one in ids}


async def test_an_idempotency_key_takes_a_file_once(office: Office) -> None:
    headers = {"Idempotency-Key": "file-1"}
    path = office.path("imports")
    first = await office.client.post(path, files={"file": ("a.csv", GOOD)}, headers=headers)
    second = await office.client.post(path, files={"file": ("a.csv", GOOD)}, headers=headers)
    assert first.json()["import_id"] == second.json()["import_id"]
    other = await office.client.post(path, files={"file": ("a.csv", BAD)}, headers=headers)
    assert other.status_code == 422
