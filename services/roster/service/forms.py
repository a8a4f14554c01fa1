"""What people and files say, before anything is checked. Every field is optional here; `reading` decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class ParentForm:
    """One adult, by name."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    relation: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class StudentForm:
    """A pupil with named parents, with the four Classe365 fields (C2), with both or with neither."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    number: str | None = None
    class_name: str | None = None
    birth_date: str | date | None = None
    parents: tuple[ParentForm, ...] = ()
    father_name: str | None = None
    mother_name: str | None = None
    parents_contact: str | None = None
    parents_email: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One value that cannot be taken: where it stands, what it is, a fixed word, and what to do about it."""

    field: str
    value: str
    code: str
    message: str


@dataclass(slots=True)
class Faults:
    """All that is wrong with one entry."""

    found: list[Fault] = field(default_factory=list)

    def add(self, name: str, value: object, code: str, message: str) -> None:
        """Note a fault; long values are cut."""
        self.found.append(Fault(name, str(value)[:200], code, message))
