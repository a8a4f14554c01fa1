"""Adding, changing and removing a pupil; adding a parent to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from services.roster.domain.contacts import Surroundings
from services.roster.domain.entries import ParentEntry
from services.roster.domain.matching import Placed, place, place_parent
from services.roster.domain.people import Student
from services.roster.domain.register import Register
from services.roster.service.forms import Faults, ParentForm, StudentForm
from services.roster.service.reading import read_parent, read_student
from services.roster.service.refusals import claim_school, number_in_use, refuse, student_not_found
from services.roster.service.settling import Origin, settle
from services.roster.storage.loading import load_register
from services.roster.storage.students import find_by_number
from shared.runtime.core import new_id
from shared.runtime.database import Transaction


@dataclass(frozen=True, slots=True)
class AddedParent:
    """The record that now stands for an adult; `matched` when the school had it before."""

    parent_id: UUID
    matched: bool


async def add_student(
    tx: Transaction, school_id: UUID, form: StudentForm, *, invite: bool, actor: str | None
) -> Student:
    """A new pupil, its parents found or added (C1-C6). Raises Problem 404, 409 or 422."""
    school = await claim_school(tx, school_id)
    faults = Faults()
    entry = read_student(form, school.surroundings, faults)
    refuse(faults)
    await _check_number(tx, school_id, entry.number, None)
    register = await load_register(tx, school, keys=_keys(entry.parents, school.surroundings))
    placed = place(register, entry, None, new_id)
    await settle(tx, school_id, register, Origin(actor), _to_invite(register, placed) if invite else ())
    return register.students[placed.student_id]


async def change_student(
    tx: Transaction,
    school_id: UUID,
    student_id: UUID,
    form: StudentForm,
    named: frozenset[str],
    *,
    actor: str | None,
) -> Student:
    """Change the fields in `named` to the form's values. Raises Problem 404, 409 or 422."""
    school = await claim_school(tx, school_id)
    register = await load_register(tx, school, students=[student_id])
    before = register.students.get(student_id)
    if before is None:
        raise student_not_found()
    faults = Faults()
    after = _told(before, form, named, school.surroundings, faults)
    refuse(faults)
    if after.number != before.number:
        await _check_number(tx, school_id, after.number, student_id)
    register.put_student(after)
    await settle(tx, school_id, register, Origin(actor))
    return register.students[student_id]


async def remove_student(tx: Transaction, school_id: UUID, student_id: UUID, *, actor: str | None) -> None:
    """The pupil leaves; its parents lose the access to it. Raises Problem 404."""
    school = await claim_school(tx, school_id)
    register = await load_register(tx, school, students=[student_id])
    if student_id not in register.students:
        raise student_not_found()
    register.drop_student(student_id)
    await settle(tx, school_id, register, Origin(actor))


async def add_parent(
    tx: Transaction, school_id: UUID, student_id: UUID, form: ParentForm, *, invite: bool, actor: str | None
) -> AddedParent:
    """Add Parent (P8-P10): found by the rule or new, and invited in the same transaction if ticked."""
    school = await claim_school(tx, school_id)
    faults = Faults()
    entry = read_parent(form, "", school.surroundings, faults)
    if entry.empty and not faults.found:
        faults.add("name", "", "required", "A parent needs a name, an e-mail address or a phone number.")
    refuse(faults)
    register = await load_register(
        tx, school, students=[student_id], keys=_keys([entry], school.surroundings)
    )
    if student_id not in register.students:
        raise student_not_found()
    # A person names this parent for this pupil: that outweighs an earlier undoing.
    register.refused = {(parent, student) for parent, student in register.refused if student != student_id}
    placed = Placed(student_id)
    place_parent(register, placed, entry, new_id)
    parent_id = placed.parent_ids[0]
    await settle(tx, school_id, register, Origin(actor), _to_invite(register, placed) if invite else ())
    return AddedParent(parent_id, matched=placed.new_parents == 0)


def _told(
    before: Student, form: StudentForm, named: frozenset[str], school: Surroundings, faults: Faults
) -> Student:
    """A new `name` drops the first and last name that it does not come with; a new part makes a new name."""
    renamed = bool(named & {"name", "first_name", "last_name"})
    kept = None if "name" in named or not renamed else before
    first = form.first_name if "first_name" in named or kept is None else kept.first_name
    last = form.last_name if "last_name" in named or kept is None else kept.last_name
    name = form.name if renamed else before.name
    entry = read_student(replace(form, name=name, first_name=first, last_name=last), school, faults)
    after = before
    if renamed:
        after = replace(after, name=entry.name, first_name=entry.first_name, last_name=entry.last_name)
    if "number" in named:
        after = replace(after, number=entry.number)
    if "class_name" in named:
        after = replace(after, class_name=entry.class_name)
    if "birth_date" in named:
        after = replace(after, birth_date=entry.birth_date)
    return after


def _keys(entries: Iterable[ParentEntry], school: Surroundings) -> list[str]:
    return [key for entry in entries if (key := entry.key(school))]


def _to_invite(register: Register, placed: Placed) -> list[UUID]:
    """Those who have not signed up; for the others there is nothing to invite to."""
    return [parent_id for parent_id in placed.parent_ids if register.parents[parent_id].signed_up_at is None]


async def _check_number(tx: Transaction, school_id: UUID, number: str | None, own_id: UUID | None) -> None:
    holder = await find_by_number(tx, school_id, number) if number else None
    if holder is not None and holder != own_id:
        raise number_in_use(number)
