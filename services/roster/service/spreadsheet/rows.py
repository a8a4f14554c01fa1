"""From a row's cells to an entry, or to what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.roster.domain.contacts import Surroundings
from services.roster.domain.entries import StudentEntry, to_plain
from services.roster.service.forms import Faults, ParentForm, StudentForm
from services.roster.service.reading import read_student
from services.roster.service.spreadsheet.headers import FATHER, MOTHER, Layout, visible

# Spreadsheets put an apostrophe before a cell that could be a formula; it is no part of the value.
_GUARDED = re.compile(r"^'[=+\-@\t\r]")


class RowReader:
    """Reads the rows of one file."""

    def __init__(self, layout: Layout, school: Surroundings) -> None:
        self._layout = layout
        self._school = school
        self._places = sorted({place for place, _ in layout.parents})

    @property
    def numbered(self) -> bool:
        """Whether the file has a column of the pupils' numbers."""
        return "number" in self._layout.student

    def read(self, cells: Sequence[str], faults: Faults) -> StudentEntry:
        """The entry of a row; use it only when `faults` stayed empty. Faults name the file's columns."""
        width = len(self._layout.titles)
        if any(cell.strip() for cell in cells[width:]):
            faults.add(
                "",
                " ".join(cells[width:]).strip(),
                "too_many_cells",
                "The row has more cells than the header.",
            )
        student: dict[str, Any] = {
            field: self._value(cells, place) for field, place in self._layout.student.items()
        }
        forms, places = [], []
        for place in self._places:
            form = self._parent(cells, place, student)
            if form is not None:
                forms.append(form)
                places.append(place)
        entry = read_student(StudentForm(**student, parents=tuple(forms)), self._school, faults)
        faults.found = [
            type(fault)(self._column(fault.field, places), fault.value, fault.code, fault.message)
            for fault in faults.found
        ]
        return entry

    def _parent(self, cells: Sequence[str], place: int, student: dict[str, Any]) -> ParentForm | None:
        values = {
            field: self._value(cells, column)
            for (one, field), column in self._layout.parents.items()
            if one == place
        }
        if not any(value.strip() for value in values.values()):
            return None
        adult = {FATHER: "father", MOTHER: "mother"}.get(place)
        if adult is None:
            return ParentForm(**values)
        # A father with an address of his own is a record of his own, not half of the shared one.
        return ParentForm(**values, name=student.pop(f"{adult}_name", None), relation=adult)

    def _value(self, cells: Sequence[str], place: int) -> str:
        value = cells[place] if place < len(cells) else ""
        return value[1:] if _GUARDED.match(value) else value

    def _column(self, field: str, places: Sequence[int]) -> str:
        parts = field.split(".")
        place: int | None
        if parts[0] == "parents":
            place = self._layout.parents.get((places[int(parts[1])], parts[2]))
        else:
            place = self._layout.student.get(field)
        return field if place is None else self._layout.titles[place]


@dataclass(slots=True)
class Staged:
    """Rows that were taken, as they are staged, and what is wrong with others. `numbered`: pupils have numbers."""

    numbered: bool
    rows: list[int] = field(default_factory=list)
    numbers: list[str | None] = field(default_factory=list)
    name_keys: list[str] = field(default_factory=list)
    entries: list[list[Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, number: int, entry: StudentEntry) -> None:
        """A row that was taken, by its number in the file."""
        self.rows.append(number)
        self.entries.append(to_plain(entry))
        if self.numbered:
            self.numbers.append(entry.number)
            self.name_keys.append(entry.name_key)

    def message(self) -> dict[str, Any]:
        """What the reading process says of them."""
        keys = {"numbers": self.numbers, "name_keys": self.name_keys} if self.numbered else {}
        return {"rows": self.rows, **keys, "errors": self.errors, "entries": self.entries}


def faulty(number: int, faults: Faults) -> list[dict[str, Any]]:
    """A row's faults as they are staged."""
    return [
        {
            "row": number,
            "column": fault.field,
            "value": visible(fault.value),
            "code": fault.code,
            "message": fault.message,
        }
        for fault in faults.found
    ]
