"""Tests of normalisation: parsed students and parents from raw input, and errors by field."""

from __future__ import annotations

from datetime import date

import pytest

from services.roster.domain.errors import FieldErrors
from services.roster.domain.parsed_rows import ParsedParent, ParsedStudent
from services.roster.domain.people import SchoolContactContext
from services.roster.spreadsheet.normalise import (
    ParentInput,
    StudentInput,
    normalise_birth_date,
    normalise_language,
    normalise_names,
    normalise_parent,
    normalise_student,
)
from tests.unit.roster.builders import EMAIL, PHONE, SCHOOL


def _student(**fields: object) -> tuple[ParsedStudent, list[tuple[str, str]]]:
    errors = FieldErrors()
    student = normalise_student(StudentInput(**fields), SCHOOL, errors)  # type: ignore[arg-type]
    return student, [(error.field, error.code) for error in errors.items]


def test_a_student_is_parsed_with_both_kinds_of_parents() -> None:
    student, errors = _student(
        first_name=" Mia ",
        last_name="Muster",
        number="7",
        class_name="3b",
        birth_date="31.08.2015",
        parents=(ParentInput(name="Anna Muster", relation="mother", phone="079 123 45 67", language="de"),),
        father_name="Hans Muster",
        mother_name="unknown",
        parents_contact="079 123 45 67",
        parents_email=f" {EMAIL} ",
    )
    assert errors == []
    assert student == ParsedStudent(
        "Mia Muster",
        "Mia",
        "Muster",
        "7",
        "3b",
        date(2015, 8, 31),
        (
            ParsedParent(("Anna Muster",), "mother", PHONE, None, "de"),
            ParsedParent(("Hans Muster",), "father", PHONE, EMAIL, shared=True),
        ),
    )


def test_blank_values_and_empty_parents_are_nothing() -> None:
    student, errors = _student(
        name="Mia", number="n/a", class_name=" ", birth_date="-", parents=(ParentInput(),)
    )
    assert (student, errors) == (ParsedStudent("Mia"), [])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("name", "required")]),
        ({"name": "n/a"}, [("name", "required")]),
        ({"name": "a\nb"}, [("name", "control_character")]),
        ({"first_name": "a\nb"}, [("first_name", "control_character")]),
        ({"name": "Mia", "number": "1" * 61}, [("number", "too_long")]),
        ({"name": "Mia", "class_name": "1" * 61}, [("class_name", "too_long")]),
        ({"name": "Mia", "birth_date": "soon"}, [("birth_date", "date_invalid")]),
        ({"name": "Mia", "parents_contact": "12"}, [("parents_contact", "phone_invalid")]),
        ({"name": "Mia", "parents_email": "anna@"}, [("parents_email", "email_invalid")]),
        (
            {"name": "Mia", "parents": (ParentInput(), ParentInput(phone="12", email="anna@"))},
            [("parents.1.phone", "phone_invalid"), ("parents.1.email", "email_invalid")],
        ),
    ],
)
def test_each_error_names_its_field(fields: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert _student(**fields)[1] == expected


def test_limits_are_inclusive() -> None:
    student, errors = _student(name="M" * 200, number="1" * 60, class_name="c" * 60)
    assert (errors, len(student.name), student.number) == ([], 200, "1" * 60)


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("2015-08-31", "CH", date(2015, 8, 31)),
        ("31.08.2015", "CH", date(2015, 8, 31)),
        ("2015/08/31", "CH", date(2015, 8, 31)),
        ("2015-08-31 00:00:00", "CH", date(2015, 8, 31)),
        ("31/08/2015", "CH", date(2015, 8, 31)),
        ("08/31/2015", "US", date(2015, 8, 31)),
        ("04/05/2015", "GB", date(2015, 5, 4)),
        ("04/05/2015", "PH", date(2015, 4, 5)),
        (date(1900, 1, 1), "CH", date(1900, 1, 1)),
        (date(2100, 1, 1), "CH", date(2100, 1, 1)),
        ("31/08/2015", "US", None),
        (date(1899, 12, 31), "CH", None),
        (date(2100, 1, 2), "CH", None),
    ],
)
def test_a_birth_date_is_read_in_the_order_of_the_country(
    value: str | date, country: str, expected: date | None
) -> None:
    errors = FieldErrors()
    assert normalise_birth_date(value, SchoolContactContext(country), errors) == expected
    assert errors.has("birth_date") is (expected is None)


@pytest.mark.parametrize(
    ("value", "expected", "codes"),
    [
        ("de", "de", []),
        ("pt-BR", "pt-BR", []),
        (None, None, []),
        ("n/a", None, []),
        ("klingon!", None, ["language_invalid"]),
        ("d", None, ["language_invalid"]),
    ],
)
def test_a_language_is_a_tag_or_nothing(value: str | None, expected: str | None, codes: list[str]) -> None:
    errors = FieldErrors()
    assert normalise_language(value, "language", errors) == expected
    assert [error.code for error in errors.items] == codes


@pytest.mark.parametrize(
    ("parent", "names"),
    [
        (ParentInput(name="Anna & Ben Muster"), ("Anna Muster", "Ben Muster")),
        (ParentInput(first_name="Anna", last_name="Muster"), ("Anna Muster",)),
        (ParentInput(name="unknown", last_name="Muster"), ("Muster",)),
        (ParentInput(first_name="Na"), ("Na",)),
        (ParentInput(), ()),
    ],
)
def test_c6_the_names_of_a_record_come_from_the_name_or_its_parts(
    parent: ParentInput, names: tuple[str, ...]
) -> None:
    errors = FieldErrors()
    assert normalise_names(parent, "", errors) == names
    assert errors.items == []


def test_errors_of_a_parent_have_the_prefix() -> None:
    errors = FieldErrors()
    parent = ParentInput(name="a\x00", relation="m" * 61, language="klingon!")
    normalise_parent(parent, "parents.3.", SCHOOL, errors)
    assert [error.field for error in errors.items] == [
        "parents.3.name",
        "parents.3.relation",
        "parents.3.language",
    ]
