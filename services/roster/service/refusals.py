"""Answers that say no."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from services.roster.domain.school import School
from services.roster.service.forms import Faults
from services.roster.storage import schools
from shared.runtime.database import Transaction
from shared.runtime.web import Problem, school_not_found

PATIENCE = text("SET LOCAL lock_timeout = '10s'")


async def claim_school(tx: Transaction, school_id: UUID, *, patient: bool = False) -> School:
    """The school, its roster locked for this transaction. Raises Problem 404.

    A request waits ten seconds for another writer, such as a long import, and is then told to try again, so that
    waiting requests of one school cannot take every connection. `patient` is for background work.
    """
    if not patient:
        await tx.execute(PATIENCE)
    school = await schools.claim_school(tx, school_id)
    if school is None:
        raise school_not_found()
    return school


async def get_school(tx: Transaction, school_id: UUID) -> School:
    """The school, to read. Raises Problem 404."""
    school = await schools.find_school(tx, school_id)
    if school is None:
        raise school_not_found()
    return school


def refuse(faults: Faults) -> None:
    """Raises Problem 422 that names every field at fault, if any is."""
    if not faults.found:
        return
    errors = [{"field": one.field, "code": one.code, "message": one.message} for one in faults.found]
    named = ", ".join(sorted({one.field for one in faults.found}))
    raise Problem(422, "invalid_input", f"Please correct: {named}.", errors=errors)


def student_not_found() -> Problem:
    """404."""
    return Problem(404, "student_not_found", "There is no such student in this school.")


def parent_not_found() -> Problem:
    """404."""
    return Problem(404, "parent_not_found", "There is no such parent in this school.")


def number_in_use(number: str | None) -> Problem:
    """409: student numbers are unique in a school."""
    return Problem(
        409, "number_in_use", f"Another student of this school has the number {number}.", field="number"
    )
