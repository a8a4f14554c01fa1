"""Tests of parsed rows: match keys, the Classe365 record and the way through JSON."""

from __future__ import annotations

import json
from datetime import date

import pytest

from services.roster.domain.parsed_rows import (
    ParsedParent,
    ParsedStudent,
    from_json_values,
    parent_from_classe365,
    to_json_values,
)
from tests.unit.roster.builders import EMAIL, PHONE, SCHOOL, shared


@pytest.mark.parametrize(
    ("student", "match_key"),
    [
        (ParsedStudent("Mia Muster", number="7", parents=shared(PHONE, EMAIL)), None),
        (ParsedStudent("Mia Muster", parents=shared(PHONE, EMAIL)), f"mia muster|{PHONE}"),
        (
            ParsedStudent("Mia Muster", parents=shared(None, "Muster@Example.com")),
            "mia muster|muster@example.com",
        ),
        (
            ParsedStudent("Mia Muster", parents=(ParsedParent(("Oma",)), ParsedParent(email=EMAIL))),
            f"mia muster|{EMAIL}",
        ),
        (ParsedStudent("Mia Muster", class_name="3B"), "mia muster||3b"),
        (ParsedStudent("Mia Muster"), "mia muster||"),
        (ParsedStudent("Mia Muster", number=""), "mia muster||"),
    ],
)
def test_a_student_without_a_number_is_matched_by_name_and_contact_or_class(
    student: ParsedStudent, match_key: str | None
) -> None:
    assert student.match_key == match_key


@pytest.mark.parametrize(
    ("father", "mother", "names", "relation"),
    [
        ("Hans", "", ("Hans",), "father"),
        ("", "Anna", ("Anna",), "mother"),
        ("Hans", "Anna", ("Hans", "Anna"), "parents"),
        ("Hans", "Hans", ("Hans",), "parents"),
        ("", "", (), None),
    ],
)
def test_c1_the_relation_follows_from_the_names(
    father: str, mother: str, names: tuple[str, ...], relation: str | None
) -> None:
    record = parent_from_classe365(father, mother, PHONE, None)
    assert record == ParsedParent(names, relation, PHONE, None, shared=True)


def test_c1_four_blank_fields_make_no_record() -> None:
    assert parent_from_classe365("", "", None, None) is None


@pytest.mark.parametrize(
    ("record", "is_empty"),
    [
        (ParsedParent(), True),
        (ParsedParent(relation="aunt", language="fr"), True),
        (ParsedParent(("Anna",)), False),
        (ParsedParent(phone=PHONE), False),
        (ParsedParent(email=EMAIL), False),
    ],
)
def test_a_record_is_empty_without_a_name_and_a_contact(record: ParsedParent, is_empty: bool) -> None:
    assert record.is_empty is is_empty


def test_c4_a_record_has_the_family_key_of_its_contacts() -> None:
    assert ParsedParent(phone=PHONE, email=EMAIL).family_key(SCHOOL) == f"{PHONE} {EMAIL}"
    assert ParsedParent(phone=PHONE).family_key(SCHOOL) is None
    assert not ParsedParent().shared


@pytest.mark.parametrize("born", [None, date(2015, 8, 31)])
def test_a_parsed_row_survives_staging(born: date | None) -> None:
    parents = (*shared(PHONE, EMAIL, "Hans", "Anna"), ParsedParent(("Eva",), "aunt", language="fr"))
    row = ParsedStudent("Mia", "Mi", "A", "1", "3b", born, parents)
    assert from_json_values(json.loads(json.dumps(to_json_values(row)))) == row
