"""Schools and students as the dashboard knows them; the newest version of each stays."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class School:
    """`timezone` is an IANA name; `invitation_lifetime_days` is how long a link works."""

    school_id: UUID
    version: int
    name: str
    country: str
    language: str
    timezone: str
    invitation_lifetime_days: int


class Student(NamedTuple):
    """A pupil; a removed one keeps the version only."""

    school_id: UUID
    student_id: UUID
    version: int
    name: str | None = None
    number: str | None = None
    class_name: str | None = None
    removed: bool = False

    def __repr__(self) -> str:
        return "Student(redacted)"
