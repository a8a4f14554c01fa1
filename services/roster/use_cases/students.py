"""Use cases of students: adding, changing and removing one, and adding a parent to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from services.roster.domain.errors import FieldErrors, number_in_use, student_not_found
from services.roster.domain.matching import PlacementResult, place_parent, place_student
from services.roster.domain.parsed_rows import ParsedParent
from services.roster.domain.people import SchoolContactContext, Student
from services.roster.domain.roster_changes import RosterChanges
from services.roster.spreadsheet.normalise import (
    ParentInput,
    StudentInput,
    normalise_parent,
    normalise_student,
)
from services.roster.storage.schools import claim_school
from services.roster.storage.students import find_by_number
from services.roster.use_cases.save_changes import ChangeOrigin, load_roster, save_changes
from shared.runtime.core import new_id
from shared.runtime.database import Transaction

NAME_FIELDS = frozenset({"name", "first_name", "last_name"})


@dataclass(frozen=True, slots=True)
class AddedParent:
    """Record of a parent who was added; `matched` if the school had the record before."""

    parent_id: UUID
    matched: bool


async def add_student(
    tx: Transaction, school_id: UUID, student: StudentInput, *, invite: bool, actor: str | None
) -> Student:
    """Add a student; its parents are matched or added (C1-C6), and invited if `invite` is set.

    Raises NotFound, Conflict or InvalidInput.
    """
    school = await claim_school(tx, school_id)
    errors = FieldErrors()
    parsed = normalise_student(student, school.contact_context, errors)
    errors.raise_if_any()
    await _check_number(tx, school_id, parsed.number, None)
    family_keys = _list_family_keys(parsed.parents, school.contact_context)
    changes = await load_roster(tx, school, family_keys=family_keys)
    result = place_student(changes, parsed, None, new_id)
    to_invite = _select_parents_to_invite(changes, result) if invite else ()
    await save_changes(tx, school_id, changes, ChangeOrigin(actor), to_invite)
    return changes.students[result.student_id]


async def change_student(
    tx: Transaction,
    school_id: UUID,
    student_id: UUID,
    student: StudentInput,
    fields: frozenset[str],
    *,
    actor: str | None,
) -> Student:
    """Change the named `fields` of a student to the given values. Raises NotFound, Conflict or InvalidInput."""
    school = await claim_school(tx, school_id)
    changes = await load_roster(tx, school, student_ids=[student_id])
    before = changes.students.get(student_id)
    if before is None:
        raise student_not_found()
    errors = FieldErrors()
    after = _apply_fields(before, student, fields, school.contact_context, errors)
    errors.raise_if_any()
    if after.number != before.number:
        await _check_number(tx, school_id, after.number, student_id)
    changes.put_student(after)
    await save_changes(tx, school_id, changes, ChangeOrigin(actor))
    return after


async def remove_student(tx: Transaction, school_id: UUID, student_id: UUID, *, actor: str | None) -> None:
    """Remove a student; its parents lose their access to it. Raises NotFound."""
    school = await claim_school(tx, school_id)
    changes = await load_roster(tx, school, student_ids=[student_id])
    if student_id not in changes.students:
        raise student_not_found()
    changes.remove_student(student_id)
    await save_changes(tx, school_id, changes, ChangeOrigin(actor))


async def add_parent(
    tx: Transaction,
    school_id: UUID,
    student_id: UUID,
    parent: ParentInput,
    *,
    invite: bool,
    actor: str | None,
) -> AddedParent:
    """Add a parent to a student (P8-P10): matched by the rule or new, and invited if `invite` is set.

    Raises NotFound or InvalidInput.
    """
    school = await claim_school(tx, school_id)
    errors = FieldErrors()
    parsed = normalise_parent(parent, "", school.contact_context, errors)
    if parsed.is_empty and not errors.items:
        errors.add("name", "", "required", "A parent needs a name, an e-mail address or a phone number.")
    errors.raise_if_any()
    family_keys = _list_family_keys([parsed], school.contact_context)
    changes = await load_roster(tx, school, student_ids=[student_id], family_keys=family_keys)
    if student_id not in changes.students:
        raise student_not_found()
    # A person names this parent for this student, which outweighs that they were unlinked before.
    changes.separated = {
        (parent_id, separated_id)
        for parent_id, separated_id in changes.separated
        if separated_id != student_id
    }
    result = PlacementResult(student_id)
    place_parent(changes, result, parsed, new_id)
    to_invite = _select_parents_to_invite(changes, result) if invite else ()
    await save_changes(tx, school_id, changes, ChangeOrigin(actor), to_invite)
    return AddedParent(result.parent_ids[0], matched=result.parents_added == 0)


def _apply_fields(
    before: Student,
    student: StudentInput,
    fields: frozenset[str],
    school: SchoolContactContext,
    errors: FieldErrors,
) -> Student:
    """Return the student with the named fields changed.

    A new `name` drops a first and last name that are not given with it. A new first or last name makes a new `name`.
    """
    is_renamed = bool(fields & NAME_FIELDS)
    keeps_parts = is_renamed and "name" not in fields
    first_name = student.first_name if "first_name" in fields or not keeps_parts else before.first_name
    last_name = student.last_name if "last_name" in fields or not keeps_parts else before.last_name
    name = student.name if is_renamed else before.name
    parsed = normalise_student(
        replace(student, name=name, first_name=first_name, last_name=last_name), school, errors
    )
    after = before
    if is_renamed:
        after = replace(after, name=parsed.name, first_name=parsed.first_name, last_name=parsed.last_name)
    if "number" in fields:
        after = replace(after, number=parsed.number)
    if "class_name" in fields:
        after = replace(after, class_name=parsed.class_name)
    if "birth_date" in fields:
        after = replace(after, birth_date=parsed.birth_date)
    return after


def _list_family_keys(parents: Iterable[ParsedParent], school: SchoolContactContext) -> list[str]:
    return [key for parent in parents if (key := parent.family_key(school))]


def _select_parents_to_invite(changes: RosterChanges, result: PlacementResult) -> list[UUID]:
    """Return the placed parents who have not signed up."""
    return [parent_id for parent_id in result.parent_ids if changes.parents[parent_id].signed_up_at is None]


async def _check_number(tx: Transaction, school_id: UUID, number: str | None, own_id: UUID | None) -> None:
    holder_id = await find_by_number(tx, school_id, number) if number else None
    if holder_id is not None and holder_id != own_id:
        raise number_in_use(number)
