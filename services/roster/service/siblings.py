"""Linking families and taking them apart."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.roster.domain.families import link_families, take_apart
from services.roster.domain.people import SiblingGroup
from services.roster.domain.register import MIN_SIBLINGS
from services.roster.service.refusals import claim_school, parent_not_found, student_not_found
from services.roster.service.settling import Origin, settle
from services.roster.storage.loading import load_register
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.web import Problem


async def link_siblings(
    tx: Transaction,
    school_id: UUID,
    *,
    parent_ids: Sequence[UUID] = (),
    student_ids: Sequence[UUID] = (),
    actor: str | None,
) -> SiblingGroup:
    """Staff say these are one family: every parent gets every child. Raises Problem 404 or 422."""
    school = await claim_school(tx, school_id)
    register = await load_register(tx, school, students=student_ids, parents=parent_ids)
    if any(student_id not in register.students for student_id in student_ids):
        raise student_not_found()
    if any(parent_id not in register.parents for parent_id in parent_ids):
        raise parent_not_found()
    wanted = list(dict.fromkeys(parent_ids))
    for student_id in student_ids:
        wanted += [
            parent.parent_id for parent in register.parents_of(student_id) if parent.parent_id not in wanted
        ]
    children = {link.student_id for parent_id in wanted for link in register.parents[parent_id].links}
    children |= set(student_ids)
    if not wanted or len(children) < MIN_SIBLINGS:
        raise Problem(
            422,
            "nothing_to_link",
            "Name parents or students who together have at least one parent and two children.",
            field="parent_ids" if parent_ids else "student_ids",
        )
    group = link_families(register, wanted, student_ids, new_id)
    await settle(tx, school_id, register, Origin(actor))
    return register.groups[group.sibling_group_id]


async def unlink_siblings(
    tx: Transaction, school_id: UUID, sibling_group_id: UUID, student_id: UUID | None, *, actor: str | None
) -> None:
    """Undo a group, or one pupil's part in it; the access that it gave ends. Raises Problem 404."""
    school = await claim_school(tx, school_id)
    register = await load_register(tx, school, groups=[sibling_group_id])
    group = register.groups.get(sibling_group_id)
    if group is None:
        raise Problem(404, "sibling_group_not_found", "There is no such sibling link in this school.")
    if student_id is not None and student_id not in group.student_ids:
        raise student_not_found()
    take_apart(register, group, None if student_id is None else [student_id])
    await settle(tx, school_id, register, Origin(actor))
