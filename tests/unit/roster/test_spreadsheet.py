"""Reading of files without a process or a database: headers, rows and encodings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.parsed_rows import ParsedStudent, from_json_values
from services.roster.domain.people import SchoolContactContext
from services.roster.spreadsheet.__main__ import read_file
from services.roster.spreadsheet.headers import FileRefusedError, read_layout

SCHOOL = SchoolContactContext("CH")


def read(folder: Path, content: bytes, school: SchoolContactContext = SCHOOL) -> list[dict[str, Any]]:
    path = folder / "file"
    path.write_bytes(content)
    return list(read_file(path, school))


def rows(messages: list[dict[str, Any]]) -> list[ParsedStudent]:
    """Return the parsed rows after the passage through JSON that takes place between the processes."""
    values = [json.loads(json.dumps(entry)) for message in messages for entry in message.get("entries", [])]
    return [from_json_values(row) for row in values]


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("father_name", "father_name"),
        ("mother_name", "mother_name"),
        ("parents_contact", "parents_contact"),
        ("parents_email", "parents_email"),
        ("PARENTS EMAIL", "parents_email"),
        ("Student-ID", "number"),
        ("Date of Birth", "birth_date"),
        ("Klasse", "class_name"),
    ],
)
def test_c2_headers_are_known_without_case_and_spaces(title: str, field: str) -> None:
    assert read_layout(["name", title]).student == {"name": 0, field: 1}


@pytest.mark.parametrize(
    "title", ["parent1_email", "Parent 1 E-Mail", "guardian email", "Parent/Guardian Email Address"]
)
def test_several_words_for_the_first_parent(title: str) -> None:
    assert read_layout(["name", title]).parents == {(1, "email"): 1}


def test_a_students_own_address_is_not_taken_for_a_parents() -> None:
    assert read_layout(["name", "email", "phone"]).ignored == ("email", "phone")


def test_of_two_words_for_one_field_the_better_is_read() -> None:
    layout = read_layout(["name", "id", "number"])
    assert (layout.student["number"], layout.ignored) == (2, ("id",))


def test_one_title_twice_is_refused() -> None:
    with pytest.raises(FileRefusedError):
        read_layout(["name", "Number", "number"])


def test_a_father_with_an_own_address_is_a_record_of_his_own(tmp_path: Path) -> None:
    header = "name,father_name,father_email,mother_name,parents_contact,parents_email"
    text = f"{header}\nMia,Hans,h@x.ch,Anna,0791234567,a@x.ch\n"
    [entry] = rows(read(tmp_path, text.encode()))
    assert [(parent.names, parent.email, parent.shared) for parent in entry.parents] == [
        (("Hans",), "h@x.ch", False),
        (("Anna",), "a@x.ch", True),
    ]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    messages = read(tmp_path, b"name\n\nMia\n\n  \nn/a\n")
    assert [row for message in messages for row in message.get("rows", [])] == [3]
    assert [error["row"] for message in messages for error in message.get("errors", [])] == [6]


def test_first_and_last_name_are_joined_and_odd_names_stay(tmp_path: Path) -> None:
    entries = rows(read(tmp_path, b"Vorname;Nachname\nNil;Puig\nNa;Kim\n"))
    assert [entry.name for entry in entries] == ["Nil Puig", "Na Kim"]


def test_an_apostrophe_that_guards_a_formula_is_no_part_of_the_value(tmp_path: Path) -> None:
    [entry] = rows(read(tmp_path, b"name,parents_contact\nO'Neil 'x,'+41791234567\n"))
    assert (entry.name, entry.parents[0].phone) == ("O'Neil 'x", "+41791234567")


@pytest.mark.parametrize(
    ("country", "encoding", "name"),
    [("CH", "cp1252", "Zoë Müller"), ("PL", "cp1250", "Łukasz Żak"), ("RU", "cp1251", "Юлия Петрова")],
)
def test_old_encodings_follow_the_schools_country(
    tmp_path: Path, country: str, encoding: str, name: str
) -> None:
    messages = read(tmp_path, f"name;class\n{name};3b\n".encode(encoding), SchoolContactContext(country))
    assert [entry.name for entry in rows(messages)] == [name]


@pytest.mark.parametrize(("text", "code"), [("a,b,c,d,e\n1,2,3,4,5\n", "unknown_header"), ("", "file_empty")])
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str, code: str) -> None:
    [messages] = read(tmp_path, text.encode())
    assert messages["refused"]["code"] == code


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    messages = read(tmp_path_factory.mktemp("any"), content)
    assert "refused" in messages[-1] or messages[-1] == {"end": True}


@given(st.text(max_size=300))
def test_any_text_under_a_good_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    content = ("name,parents_email,parents_contact,birth_date,parent1_name\n" + text).encode(
        "utf-8", "replace"
    )
    messages = read(tmp_path_factory.mktemp("any"), content)
    assert "refused" in messages[-1] or messages[-1] == {"end": True}
    for entry in rows(messages):
        assert "\x00" not in str(entry)
