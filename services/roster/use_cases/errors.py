"""Errors of the use cases. The routes turn each class into a status: 404, 409 or 422."""

from __future__ import annotations

from collections.abc import Sequence

from services.roster.domain.import_state import ImportState
from services.roster.spreadsheet.normalise import FieldError, FieldErrors


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


def not_in_preview(state: ImportState) -> Conflict:
    return Conflict("not_in_preview", f"This import is {state.value}; only a preview can be applied.")


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


def raise_if_invalid(errors: FieldErrors) -> None:
    """Raise InvalidInput that names every field with an error, if there is one."""
    if errors.items:
        names = ", ".join(sorted({error.field for error in errors.items}))
        raise InvalidInput("invalid_input", f"Please correct: {names}.", errors=errors.items)
