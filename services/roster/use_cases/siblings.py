"""Use cases of siblings: linking families and unlinking them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.roster.domain import siblings
from services.roster.domain.errors import (
    nothing_to_link,
    parent_not_found,
    sibling_group_not_found,
    student_not_found,
)
from services.roster.domain.people import SiblingGroup
from services.roster.domain.roster_changes import MIN_SIBLINGS
from services.roster.storage.schools import claim_school
from services.roster.use_cases.save_changes import ChangeOrigin, load_roster, save_changes
from shared.runtime.core import new_id
from shared.runtime.database import Transaction


async def link_siblings(
    tx: Transaction,
    school_id: UUID,
    *,
    parent_ids: Sequence[UUID] = (),
    student_ids: Sequence[UUID] = (),
    actor: str | None,
) -> SiblingGroup:
    """Link every named parent, and every parent of a named student, to all children of these parents.

    Raises NotFound or InvalidInput.
    """
    school = await claim_school(tx, school_id)
    changes = await load_roster(tx, school, student_ids=student_ids, parent_ids=parent_ids)
    if any(student_id not in changes.students for student_id in student_ids):
        raise student_not_found()
    if any(parent_id not in changes.parents for parent_id in parent_ids):
        raise parent_not_found()
    parents_of_students = [
        parent.parent_id for student_id in student_ids for parent in changes.list_parents(student_id)
    ]
    linked_ids = list(dict.fromkeys([*parent_ids, *parents_of_students]))
    children = {link.student_id for parent_id in linked_ids for link in changes.parents[parent_id].links}
    if not linked_ids or len(children | set(student_ids)) < MIN_SIBLINGS:
        raise nothing_to_link("parent_ids" if parent_ids else "student_ids")
    group = siblings.link_families(changes, linked_ids, student_ids, new_id)
    await save_changes(tx, school_id, changes, ChangeOrigin(actor))
    return group


async def unlink_siblings(
    tx: Transaction, school_id: UUID, sibling_group_id: UUID, student_id: UUID | None, *, actor: str | None
) -> None:
    """Undo a sibling group, or one student's part in it; the access that it gave ends. Raises NotFound."""
    school = await claim_school(tx, school_id)
    changes = await load_roster(tx, school, group_ids=[sibling_group_id])
    group = changes.groups.get(sibling_group_id)
    if group is None:
        raise sibling_group_not_found()
    if student_id is not None and student_id not in group.student_ids:
        raise student_not_found()
    siblings.unlink_siblings(changes, group, None if student_id is None else [student_id])
    await save_changes(tx, school_id, changes, ChangeOrigin(actor))
