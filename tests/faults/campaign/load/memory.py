"""Shared memory of the load's staff, and the files that they upload."""

from __future__ import annotations

import csv
import io
import itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

SCHOOL = {
    "country": "DE",
    "language": "en",
    "timezone": "Europe/Berlin",
    "credentials_mode": "self_service",
    "quiet_from": "00:00",
    "quiet_until": "00:00",
}
_KEPT = 400
IMPORTED = 8


@dataclass(frozen=True, slots=True)
class SeenParent:
    """A parent whom staff have seen on a page."""

    school_id: str
    student_id: str
    parent_id: str
    phone: bool


@dataclass(slots=True)
class Memory:
    """Everything that staff know.

    `alone` has students without siblings by school, `spoiled` how the next addresses behave.
    """

    schools: list[str] = field(default_factory=list)
    parents: deque[SeenParent] = field(default_factory=lambda: deque(maxlen=_KEPT))
    without_siblings: dict[str, deque[str]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_KEPT))
    )
    pending_behaviours: deque[dict[str, Any]] = field(default_factory=deque)
    address_behaviours: dict[str, str] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def mark(self) -> str:
        """Return a word that was never used before."""
        return f"mark{next(self.numbers):06}"


def build_import_file(mark: str, first: int) -> bytes:
    """Build an upload of `IMPORTED` parents with one student each, all with this mark."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["student_name", "father_name", "mother_name", "parents_contact", "parents_email"])
    for number in range(IMPORTED):
        phone = f"+491522{first:06}{number % 10}" if number < 10 else ""
        row = [
            f"Student {mark} {number}",
            f"Father {mark} {number}",
            "",
            phone,
            f"{mark}n{number}@family.example",
        ]
        writer.writerow(row)
    return text.getvalue().encode()
