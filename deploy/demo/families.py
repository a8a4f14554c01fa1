"""Generator of the sample school's spreadsheet: `python -m deploy.demo.families` writes families.csv, always the same.

The spreadsheet contains what real exports contain: siblings, two adults with one phone number and one e-mail address,
siblings whose rows share only the e-mail address, adults without an e-mail address or any contact, and placeholders.
"""

from __future__ import annotations

import csv
import io
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from deploy.demo.names import CULTURES, Names

FILE = Path(__file__).parent / "families.csv"
FAMILIES = 300
SEED = 20_260
CLASSES = ("1A", "1B", "2A", "2B", "3A", "3B", "4A", "4B", "5A", "5B", "6A", "6B")
YOUNGEST_BORN = 2020
COLUMNS = (
    "student_name",
    "student_number",
    "class",
    "birth_date",
    "father_name",
    "mother_name",
    "parents_contact",
    "parents_email",
    *(
        f"parent{place}_{field}"
        for place in (1, 2)
        for field in ("name", "relation", "email", "phone", "language")
    ),
)
_ASCII_REPLACEMENTS = str.maketrans({"ł": "l", "Ł": "L", "ı": "i", "đ": "d", "Đ": "D", "ß": "ss", "ø": "o"})


class Kind(StrEnum):
    """Pattern of the contacts in a family's rows."""

    TWO_ADULTS = "two adults, each with their own contacts"
    ONE_CONTACT = "two names behind one phone and one e-mail"
    ONE_ADULT = "one adult"
    HALF_EQUAL = "siblings whose rows share the e-mail only"
    PHONE_ONLY = "no e-mail"
    NO_CONTACT = "nothing to reach them by"
    PLACEHOLDER = "fields filled in with nothing"


_SHARES = {
    Kind.TWO_ADULTS: 40,
    Kind.ONE_CONTACT: 25,
    Kind.ONE_ADULT: 20,
    Kind.HALF_EQUAL: 5,
    Kind.PHONE_ONLY: 6,
    Kind.NO_CONTACT: 2,
    Kind.PLACEHOLDER: 2,
}


@dataclass(frozen=True, slots=True)
class Adult:
    """One adult of a family."""

    name: str
    relation: str
    email: str
    phone: str
    language: str = ""


class FamilyGenerator:
    """Generates families one after the other. The same seed gives the same families."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sample data, always the same
        self._used: set[str] = set()
        self._phones = 0
        self._students = 0

    def rows(self, families: int) -> Iterator[dict[str, str]]:
        """Yield the rows of `families` families, one row per student."""
        for number in range(families):
            yield from self._family(number)

    def _family(self, number: int) -> Iterator[dict[str, str]]:
        names = CULTURES[number % len(CULTURES)]
        kind = self._random.choices(list(_SHARES), list(_SHARES.values()))[0]
        children = min(self._random.choices((1, 2, 3, 4), (52, 35, 10, 3))[0], len(names.children))
        if kind is Kind.HALF_EQUAL:
            children = max(children, 2)
        surname = self._random.randrange(len(names.surnames))
        mother, father = self._adult(names, surname, woman=True), self._adult(names, surname, woman=False)
        years = sorted(self._random.sample(range(len(CLASSES) // 2), children))
        first_names = self._random.sample(names.children, len(years))
        for place, (first_name, year) in enumerate(zip(first_names, years, strict=True)):
            student = self._student(f"{first_name} {names.surname(surname, woman=False)}", year)
            yield dict.fromkeys(COLUMNS, "") | student | self._adults(kind, mother, father, place)

    def _adult(self, names: Names, surname: int, *, woman: bool) -> Adult:
        first_name = self._random.choice(names.mothers if woman else names.fathers)
        name = f"{first_name} {names.surname(surname, woman=woman)}"
        self._phones += 1
        relation = "mother" if woman else "father"
        return Adult(name, relation, self._email(name), f"07700 {900_000 + self._phones}", names.language)

    def _email(self, name: str) -> str:
        """Return an unused address at a reserved domain. A name in another script than Latin gets a neutral one."""
        folded = (
            unicodedata.normalize("NFKD", name.translate(_ASCII_REPLACEMENTS))
            .encode("ascii", "ignore")
            .decode()
        )
        text = "".join(char if char.isalnum() else " " for char in folded.replace("'", ""))
        local_part = ".".join(text.lower().split()) or "family"
        address, number = f"{local_part}@family.example", 1
        while address in self._used:
            number += 1
            address = f"{local_part}{number}@family.example"
        self._used.add(address)
        return address

    def _student(self, name: str, year: int) -> dict[str, str]:
        self._students += 1
        day = f"{YOUNGEST_BORN - year}-{self._random.randint(1, 12):02d}-{self._random.randint(1, 28):02d}"
        return {
            "student_name": name,
            "student_number": f"R{self._students:04d}",
            "class": CLASSES[2 * year + self._random.randint(0, 1)],
            "birth_date": day,
        }

    def _adults(self, kind: Kind, mother: Adult, father: Adult, place: int) -> dict[str, str]:
        match kind:
            case Kind.ONE_CONTACT:
                return _four_fields(father, mother, mother.phone, mother.email)
            case Kind.PLACEHOLDER:
                return _four_fields(father, mother, "0000000000", "none@none.com")
            case Kind.TWO_ADULTS:
                return _columns(1, mother) | _columns(2, father)
            case Kind.ONE_ADULT:
                return _columns(1, mother)
            case Kind.HALF_EQUAL:
                phone = mother.phone if place == 0 else father.phone
                return _columns(1, replace(mother, phone=phone))
            case Kind.PHONE_ONLY:
                return _columns(1, replace(mother, email=""))
            case Kind.NO_CONTACT:
                return _columns(1, replace(father, email="", phone=""))


def _four_fields(father: Adult, mother: Adult, phone: str, email: str) -> dict[str, str]:
    return {
        "father_name": father.name,
        "mother_name": mother.name,
        "parents_contact": phone,
        "parents_email": email,
    }


def _columns(place: int, adult: Adult) -> dict[str, str]:
    return {f"parent{place}_{field}": value for field, value in asdict(adult).items()}


def families_csv(families: int = FAMILIES) -> str:
    """Return the spreadsheet of the first `families` families as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(FamilyGenerator().rows(families))
    return text.getvalue()


if __name__ == "__main__":
    FILE.write_text(families_csv())
