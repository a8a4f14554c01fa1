"""Replicas of schools and students; the newest version of each wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class School:
    """School with an IANA `timezone`; links of its invitations are valid for `invitation_lifetime_days`."""

    school_id: UUID
    version: int
    name: str
    country: str
    language: str
    timezone: str
    invitation_lifetime_days: int


class Student(NamedTuple):
    """Student of a school. A removed student keeps only the version, so that late older events change nothing."""

    school_id: UUID
    student_id: UUID
    version: int
    name: str | None = None
    number: str | None = None
    class_name: str | None = None
    removed: bool = False

    def __repr__(self) -> str:
        return "Student(redacted)"
