"""Builders of entities with small, readable ids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from uuid import UUID

from services.roster.domain.parsed_rows import ParsedParent, parent_from_classe365
from services.roster.domain.people import (
    Contact,
    Link,
    Parent,
    Reason,
    SchoolContactContext,
    SiblingGroup,
    Student,
)
from shared.contracts.values import ContactKind

SCHOOL = SchoolContactContext("CH")
PHONE, OTHER_PHONE = "+41791234567", "+41797654321"
EMAIL, OTHER_EMAIL = "muster@example.com", "weber@example.com"


class Ids:
    """Ids in ascending order, which keep a failing example readable."""

    def __init__(self, first: int = 1000) -> None:
        self._numbers: Iterator[int] = itertools.count(first)

    def __call__(self) -> UUID:
        return UUID(int=next(self._numbers))


def make_id(number: int) -> UUID:
    return UUID(int=number)


def student(number: int, name: str = "Mia Muster", *, version: int = 1) -> Student:
    return Student(make_id(number), name, version=version)


def email(address: str = EMAIL, number: int = 501, *, preferred: bool = True) -> Contact:
    return Contact(make_id(number), ContactKind.EMAIL, address, preferred)


def phone(address: str = PHONE, number: int = 502, *, preferred: bool = True) -> Contact:
    return Contact(make_id(number), ContactKind.PHONE, address, preferred)


def parent(
    number: int,
    *children: int,
    name: str = "Anna Muster",
    contacts: tuple[Contact, ...] = (),
    family_key: str | None = None,
    version: int = 1,
) -> Parent:
    """Return a parent record with links to the children."""
    return Parent(
        make_id(number),
        (name,) if name else (),
        contacts=contacts,
        links=tuple(Link(make_id(child)) for child in children),
        family_key=family_key,
        version=version,
    )


def group(
    number: int,
    parents: tuple[int, ...],
    students: tuple[int, ...],
    *,
    automatic: bool = False,
    version: int = 1,
) -> SiblingGroup:
    return SiblingGroup(
        make_id(number),
        tuple(make_id(parent_number) for parent_number in parents),
        tuple(make_id(student_number) for student_number in students),
        Reason.SAME_CONTACTS if automatic else Reason.LINKED_BY_STAFF,
        automatic,
        version,
    )


def shared(
    phone_number: str | None, address: str | None, father: str = "Hans", mother: str = ""
) -> tuple[ParsedParent, ...]:
    """Return the record of the four Classe365 fields, if they make one."""
    record = parent_from_classe365(father, mother, phone_number, address)
    return (record,) if record else ()
