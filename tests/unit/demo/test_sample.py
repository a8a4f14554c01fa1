"""Unit tests of the sample school: the committed spreadsheet is current and has the patterns of real ones."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

from deploy.demo.characters import Character, character_of
from deploy.demo.families import COLUMNS, FAMILIES, FILE, families_csv


def _rows() -> list[dict[str, str]]:
    return list(csv.DictReader(FILE.read_text().splitlines()))


def test_the_committed_spreadsheet_is_what_the_generator_writes() -> None:
    assert FILE.read_text() == families_csv(FAMILIES), "run python -m deploy.demo.families"


def test_it_has_siblings_shared_contacts_weaker_matches_and_missing_contacts() -> None:
    rows = _rows()
    assert tuple(rows[0]) == COLUMNS
    pairs = Counter((row["parent1_phone"], row["parent1_email"]) for row in rows if row["parent1_email"])
    assert max(pairs.values()) >= 3, "siblings"
    assert any(row["father_name"] and row["mother_name"] and row["parents_email"] for row in rows)
    phones: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        phones[row["parent1_email"]].add(row["parent1_phone"])
    assert any(email and len(numbers) > 1 for email, numbers in phones.items()), "only the e-mail is equal"
    assert any(row["parent1_phone"] and not row["parent1_email"] for row in rows)
    assert any(row["parent1_name"] and not row["parent1_phone"] and not row["parent1_email"] for row in rows)
    assert any(row["parents_email"] == "none@none.com" for row in rows)


def test_nobody_real_is_in_it() -> None:
    for row in _rows():
        for place in ("parents", "parent1", "parent2"):
            email = row[f"{place}_email"]
            assert not email or email.endswith("@family.example") or email == "none@none.com"


def test_every_kind_of_parent_is_there_and_most_sign_up() -> None:
    addresses = {row[f"{place}_email"] for row in _rows() for place in ("parents", "parent1", "parent2")}
    text_numbers = {
        row["parent1_phone"] for row in _rows() if row["parent1_phone"] and not row["parent1_email"]
    }
    numbers = {"+44" + number.replace(" ", "")[1:] for number in text_numbers}
    characters = Counter(character_of(address) for address in addresses | numbers if address)
    assert set(characters) == set(Character)
    assert characters[Character.PROMPT] == max(characters.values())
