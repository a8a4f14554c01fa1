"""Normalised input about a student and the parents named with it: from a form, an API call or a row of a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.roster.domain.people import SchoolContactContext, make_family_key
from services.roster.domain.text import name_key


@dataclass(frozen=True, slots=True)
class ParsedParent:
    """Input about one parent record.

    `shared` marks the record made from the four Classe365 fields (C1-C6): one or two adults who share a phone number
    and an e-mail address.
    """

    names: tuple[str, ...] = ()
    relation: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    shared: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether neither a name nor a contact is given."""
        return not (self.names or self.phone or self.email)

    def family_key(self, school: SchoolContactContext) -> str | None:
        """Return the family key of the contacts, or None if they make none."""
        return make_family_key(self.phone, self.email, school)


@dataclass(frozen=True, slots=True)
class ParsedStudent:
    """Input about one student, with the parents named together with it."""

    name: str
    first_name: str | None = None
    last_name: str | None = None
    number: str | None = None
    class_name: str | None = None
    birth_date: date | None = None
    parents: tuple[ParsedParent, ...] = ()

    @property
    def name_key(self) -> str:
        """Return the form in which two names are compared."""
        return name_key(self.name)

    @property
    def match_key(self) -> str | None:
        """Return the key by which a later file finds a student without a number again.

        It consists of the name and the first contact, or of the name and the class if there is no contact. None for a
        student with a number.
        """
        if self.number:
            return None
        for parent in self.parents:
            contact = parent.phone or parent.email
            if contact:
                return f"{self.name_key}|{contact.casefold()}"
        return f"{self.name_key}||{(self.class_name or '').casefold()}"


def parent_from_classe365(
    father: str, mother: str, phone: str | None, email: str | None
) -> ParsedParent | None:
    """Return the parent record that the four Classe365 fields describe; None if all are blank."""
    names = tuple(name for name in dict.fromkeys((father, mother)) if name)
    relation = {(True, False): "father", (False, True): "mother", (True, True): "parents"}.get(
        (bool(father), bool(mother))
    )
    parent = ParsedParent(names, relation, phone, email, shared=True)
    return None if parent.is_empty else parent


def to_json_values(student: ParsedStudent) -> list[Any]:
    """Return the fields in their order as JSON values, to be staged."""
    return [
        student.name,
        student.first_name,
        student.last_name,
        student.number,
        student.class_name,
        student.birth_date.isoformat() if student.birth_date else None,
        [
            (parent.names, parent.relation, parent.phone, parent.email, parent.language, parent.shared)
            for parent in student.parents
        ],
    ]


def from_json_values(values: list[Any]) -> ParsedStudent:
    """Return the student that `to_json_values` was given."""
    name, first_name, last_name, number, class_name, birth_date, parents = values
    return ParsedStudent(
        name,
        first_name,
        last_name,
        number,
        class_name,
        date.fromisoformat(birth_date) if birth_date else None,
        tuple([ParsedParent(tuple(names), *fields) for names, *fields in parents]),
    )
