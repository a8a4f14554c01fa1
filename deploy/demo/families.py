"""Makes the sample school's spreadsheet, always the same: `python -m deploy.demo.families` writes families.csv.

It has what real exports have: siblings, two adults behind one phone and one e-mail, families that share only half of
it, adults without an e-mail, without anything, and with placeholders.
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
_PLAIN_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ı": "i", "đ": "d", "Đ": "D", "ß": "ss", "ø": "o"})


class Kind(StrEnum):
    """What stands in a family's rows."""

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


class Maker:
    """Draws families one after the other."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sample data, always the same
        self._used: set[str] = set()
        self._phones = 0
        self._pupils = 0

    def rows(self, families: int) -> Iterator[dict[str, str]]:
        """The rows of so many families, a row for each pupil."""
        for number in range(families):
            yield from self._family(number)

    def _family(self, number: int) -> Iterator[dict[str, str]]:
        names = CULTURES[number % len(CULTURES)]
        kind = self._random.choices(list(_SHARES), list(_SHARES.values()))[0]
        children = min(self._random.choices((1, 2, 3, 4), (52, 35, 10, 3))[0], len(names.children))
        if kind is Kind.HALF_EQUAL:
            children = max(children, 2)
        chosen = self._random.randrange(len(names.surnames))
        mother, father = self._adult(names, chosen, woman=True), self._adult(names, chosen, woman=False)
        years = sorted(self._random.sample(range(len(CLASSES) // 2), children))
        firsts = self._random.sample(names.children, len(years))
        for place, (first, year) in enumerate(zip(firsts, years, strict=True)):
            pupil = self._pupil(f"{first} {names.surname(chosen, woman=False)}", year)
            yield dict.fromkeys(COLUMNS, "") | pupil | self._adults(kind, mother, father, place)

    def _adult(self, names: Names, surname: int, *, woman: bool) -> Adult:
        first = self._random.choice(names.mothers if woman else names.fathers)
        name = f"{first} {names.surname(surname, woman=woman)}"
        self._phones += 1
        relation = "mother" if woman else "father"
        return Adult(name, relation, self._email(name), f"07700 {900_000 + self._phones}", names.language)

    def _email(self, name: str) -> str:
        """An address that belongs to nobody; names that are not written in Latin letters get a neutral one."""
        folded = (
            unicodedata.normalize("NFKD", name.translate(_PLAIN_LETTERS)).encode("ascii", "ignore").decode()
        )
        words = "".join(c if c.isalnum() else " " for c in folded.replace("'", "")).lower().split()
        plain = ".".join(words) or "family"
        address, turn = f"{plain}@family.example", 1
        while address in self._used:
            turn += 1
            address = f"{plain}{turn}@family.example"
        self._used.add(address)
        return address

    def _pupil(self, name: str, year: int) -> dict[str, str]:
        self._pupils += 1
        day = f"{YOUNGEST_BORN - year}-{self._random.randint(1, 12):02d}-{self._random.randint(1, 28):02d}"
        return {
            "student_name": name,
            "student_number": f"R{self._pupils:04d}",
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
    """The spreadsheet of the first so many families."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(Maker().rows(families))
    return text.getvalue()


if __name__ == "__main__":
    FILE.write_text(families_csv())
