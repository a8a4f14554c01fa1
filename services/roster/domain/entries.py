"""What a form, an API call or a row of a file says about a pupil and the adults behind it, already normalised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.roster.domain.contacts import Surroundings, family_key
from services.roster.domain.text import name_key


@dataclass(frozen=True, slots=True)
class ParentEntry:
    """One adult, or the two behind one phone and one e-mail (`shared`: the four Classe365 fields, C1-C6)."""

    names: tuple[str, ...] = ()
    relation: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    shared: bool = False

    def key(self, school: Surroundings) -> str | None:
        return family_key(self.phone, self.email, school)

    @property
    def empty(self) -> bool:
        return not (self.names or self.phone or self.email)


@dataclass(frozen=True, slots=True)
class StudentEntry:
    """One pupil with the adults named in the same breath."""

    name: str
    first_name: str | None = None
    last_name: str | None = None
    number: str | None = None
    class_name: str | None = None
    birth_date: date | None = None
    parents: tuple[ParentEntry, ...] = ()

    @property
    def name_key(self) -> str:
        return name_key(self.name)


def match_key(entry: StudentEntry) -> str | None:
    """How a pupil without a number is found again by the same file: the name and the first contact, else the class."""
    if entry.number:
        return None
    for parent in entry.parents:
        contact = parent.phone or parent.email
        if contact:
            return f"{entry.name_key}|{contact.casefold()}"
    return f"{entry.name_key}||{(entry.class_name or '').casefold()}"


def classe365_parent(father: str, mother: str, phone: str | None, email: str | None) -> ParentEntry | None:
    """The record that the four Classe365 fields speak of; None if all are blank."""
    names = tuple(name for name in dict.fromkeys((father, mother)) if name)
    relation = {(True, False): "father", (False, True): "mother", (True, True): "parents"}.get(
        (bool(father), bool(mother))
    )
    entry = ParentEntry(names, relation, phone, email, shared=True)
    return None if entry.empty else entry


def to_plain(entry: StudentEntry) -> list[Any]:
    """The entry as JSON values, to be staged: the fields in their order."""
    return [
        entry.name,
        entry.first_name,
        entry.last_name,
        entry.number,
        entry.class_name,
        entry.birth_date.isoformat() if entry.birth_date else None,
        [
            (parent.names, parent.relation, parent.phone, parent.email, parent.language, parent.shared)
            for parent in entry.parents
        ],
    ]


def of_plain(plain: list[Any]) -> StudentEntry:
    """The entry that `to_plain` made."""
    name, first_name, last_name, number, class_name, born, parents = plain
    return StudentEntry(
        name,
        first_name,
        last_name,
        number,
        class_name,
        date.fromisoformat(born) if born else None,
        tuple([ParentEntry(tuple(names), *others) for names, *others in parents]),
    )
