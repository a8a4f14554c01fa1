"""Parsed rows and errors from the cells of a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.roster.domain.errors import FieldError, FieldErrors
from services.roster.domain.parsed_rows import ParsedStudent, to_json_values
from services.roster.domain.people import SchoolContactContext
from services.roster.spreadsheet.headers import FATHER, MOTHER, Layout, replace_unprintable
from services.roster.spreadsheet.normalise import (
    ParentInput,
    StudentInput,
    normalise_student,
)

# Spreadsheets put an apostrophe before a cell that could be a formula; it is no part of the value.
_GUARDED_FORMULA = re.compile(r"^'[=+\-@\t\r]")


class RowReader:
    """Reader of the rows of one file."""

    def __init__(self, layout: Layout, school: SchoolContactContext) -> None:
        self._layout = layout
        self._school = school
        self._parent_numbers = sorted({number for number, _ in layout.parents})

    @property
    def numbered(self) -> bool:
        """Return whether the file has a column of the students' numbers."""
        return "number" in self._layout.student

    def read(self, cells: Sequence[str], errors: FieldErrors) -> ParsedStudent:
        """Return the parsed student of a row, which is meaningless if `errors` were added. They name columns."""
        width = len(self._layout.titles)
        if any(cell.strip() for cell in cells[width:]):
            surplus = " ".join(cells[width:]).strip()
            errors.add("", surplus, "too_many_cells", "The row has more cells than the header.")
        student: dict[str, Any] = {
            name: self._value(cells, position) for name, position in self._layout.student.items()
        }
        parents, numbers = [], []
        for number in self._parent_numbers:
            parent = self._read_parent(cells, number, student)
            if parent is not None:
                parents.append(parent)
                numbers.append(number)
        parsed = normalise_student(StudentInput(**student, parents=tuple(parents)), self._school, errors)
        errors.items = [
            FieldError(self._title(error.field, numbers), error.value, error.code, error.message)
            for error in errors.items
        ]
        return parsed

    def _read_parent(self, cells: Sequence[str], number: int, student: dict[str, Any]) -> ParentInput | None:
        values = {
            name: self._value(cells, position)
            for (parent_number, name), position in self._layout.parents.items()
            if parent_number == number
        }
        if not any(value.strip() for value in values.values()):
            return None
        adult = {FATHER: "father", MOTHER: "mother"}.get(number)
        if adult is None:
            return ParentInput(**values)
        # A father with an address of his own gets his own record instead of being half of the shared one.
        return ParentInput(**values, name=student.pop(f"{adult}_name", None), relation=adult)

    def _value(self, cells: Sequence[str], position: int) -> str:
        value = cells[position] if position < len(cells) else ""
        return value[1:] if _GUARDED_FORMULA.match(value) else value

    def _title(self, name: str, parent_numbers: Sequence[int]) -> str:
        """Return the title of a field's column, or the field's name if it has none."""
        parts = name.split(".")
        position: int | None
        if parts[0] == "parents":
            position = self._layout.parents.get((parent_numbers[int(parts[1])], parts[2]))
        else:
            position = self._layout.student.get(name)
        return name if position is None else self._layout.titles[position]


@dataclass(slots=True)
class RowBatch:
    """Parsed rows of a batch, and the errors of its other rows. `numbered`: the file has the students' numbers."""

    numbered: bool
    rows: list[int] = field(default_factory=list)
    numbers: list[str | None] = field(default_factory=list)
    name_keys: list[str] = field(default_factory=list)
    entries: list[list[Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row_number: int, student: ParsedStudent) -> None:
        """Add a parsed row by its number in the file."""
        self.rows.append(row_number)
        self.entries.append(to_json_values(student))
        if self.numbered:
            self.numbers.append(student.number)
            self.name_keys.append(student.name_key)

    def as_message(self) -> dict[str, Any]:
        """Return the message that the reading process writes for the batch."""
        keys = {"numbers": self.numbers, "name_keys": self.name_keys} if self.numbered else {}
        return {"rows": self.rows, **keys, "errors": self.errors, "entries": self.entries}


def error_rows(row_number: int, errors: FieldErrors) -> list[dict[str, Any]]:
    """Return the errors of a row as they are staged."""
    return [
        {
            "row": row_number,
            "column": error.field,
            "value": replace_unprintable(error.value),
            "code": error.code,
            "message": error.message,
        }
        for error in errors.items
    ]
