"""Errors of the roster: invalid fields, and refusals that the routes turn into a status (404, 409 or 422)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class FieldError:
    """Value that cannot be accepted: `code` is stable, `message` is for the person who corrects it."""

    field: str
    value: str
    code: str
    message: str


@dataclass(slots=True)
class FieldErrors:
    """Errors of one input."""

    items: list[FieldError] = field(default_factory=list)

    def add(self, name: str, value: object, code: str, message: str) -> None:
        """Add an error of a field; the value is cut to MAX_SHOWN characters."""
        self.items.append(FieldError(name, str(value)[:MAX_SHOWN], code, message))

    def has(self, *names: str) -> bool:
        """Return whether one of these fields has an error."""
        return any(error.field in names for error in self.items)

    def raise_if_any(self) -> None:
        """Raise InvalidInput that names every field with an error, if there is one."""
        if self.items:
            names = ", ".join(sorted({error.field for error in self.items}))
            raise InvalidInput("invalid_input", f"Please correct: {names}.", errors=self.items)


class RosterError(Exception):
    """Refusal of a use case. `code` is for programs, `detail` for people; `field` names what to correct."""

    def __init__(
        self, code: str, detail: str, *, field: str | None = None, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.field = field
        self.errors = errors


class NotFound(RosterError):
    """The school has no such object, or there is no such school."""


class Conflict(RosterError):
    """The present state does not allow it."""


class InvalidInput(RosterError):
    """The input cannot be accepted."""


def school_not_found() -> NotFound:
    return NotFound("school_not_found", "There is no such school.")


def student_not_found() -> NotFound:
    return NotFound("student_not_found", "There is no such student in this school.")


def parent_not_found() -> NotFound:
    return NotFound("parent_not_found", "There is no such parent in this school.")


def sibling_group_not_found() -> NotFound:
    return NotFound("sibling_group_not_found", "There is no such sibling link in this school.")


def import_not_found() -> NotFound:
    return NotFound("import_not_found", "There is no such import in this school.")


def number_in_use(number: str | None) -> Conflict:
    return Conflict(
        "number_in_use", f"Another student of this school has the number {number}.", field="number"
    )


def not_in_preview(state: str) -> Conflict:
    return Conflict("not_in_preview", f"This import is {state}; only a preview can be applied.")


def rows_refused(count: int) -> Conflict:
    return Conflict(
        "rows_refused",
        f"{count} rows cannot be taken. Correct the file, or send skip_bad_rows.",
        field="skip_bad_rows",
    )


def file_empty() -> InvalidInput:
    return InvalidInput("file_empty", "The file is empty.", field="file")


def nothing_to_link(field: str) -> InvalidInput:
    return InvalidInput(
        "nothing_to_link",
        "Name parents or students who together have at least one parent and two children.",
        field=field,
    )
