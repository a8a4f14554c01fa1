"""Students of a school with the status of their parents (P7, P15, P22)."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from sqlalchemy import Select, exists, or_, select, tuple_

from services.dashboard.domain.status_rows import ParentRow, StudentRow
from services.dashboard.storage.tables import links, parents, students
from services.dashboard.views.rows import PARENT_COLUMNS, contains_text, with_children
from shared.contracts.values import InvitationStatus
from shared.runtime.database import Transaction

_IS_LISTED_PARENT = (
    parents.c.school_id == links.c.school_id,
    parents.c.parent_id == links.c.parent_id,
    parents.c.listed,
)


async def list_students(
    tx: Transaction,
    school_id: UUID,
    *,
    text: str | None,
    not_signed_up: bool,
    after: UUID | None,
    limit: int,
) -> tuple[list[StudentRow], UUID | None]:
    """Return a page by name, and the student after which the next page begins (None: this is the last page).

    With `not_signed_up` only students with at least one parent who has not signed up are listed (P22).
    Raises LookupError if `after` is not a student of the school.
    """
    query = _select_listed(school_id)
    if text:
        query = query.where(or_(contains_text(students.c.sort_name, text), students.c.number == text.strip()))
    if not_signed_up:
        has_pending_parent = exists().where(
            links.c.school_id == school_id,
            links.c.student_id == students.c.student_id,
            *_IS_LISTED_PARENT,
            parents.c.status != InvitationStatus.SIGNED_UP.value,
        )
        query = query.where(has_pending_parent)
    if after is not None:
        name = await tx.scalar(
            select(students.c.sort_name).where(
                students.c.school_id == school_id, students.c.student_id == after
            )
        )
        if name is None:
            raise LookupError(str(after))
        query = query.where(tuple_(students.c.sort_name, students.c.student_id) > tuple_(name, after))
    rows = await tx.rows(query.order_by(students.c.sort_name, students.c.student_id).limit(limit + 1))
    parents_by_student = await _load_parents(tx, school_id, [row.student_id for row in rows[:limit]])
    page = [
        StudentRow(row.student_id, row.name, row.number, row.class_name, parents_by_student[row.student_id])
        for row in rows[:limit]
    ]
    return page, page[-1].student_id if len(rows) > limit else None


async def find_student(tx: Transaction, school_id: UUID, student_id: UUID) -> StudentRow | None:
    """Return one student with parents, or None if the school lists no such student."""
    row = await tx.row(_select_listed(school_id).where(students.c.student_id == student_id))
    if row is None:
        return None
    parents_by_student = await _load_parents(tx, school_id, [student_id])
    return StudentRow(row.student_id, row.name, row.number, row.class_name, parents_by_student[student_id])


def _select_listed(school_id: UUID) -> Select[tuple[object, ...]]:
    columns = students.c
    return select(columns.student_id, columns.name, columns.number, columns.class_name).where(
        columns.school_id == school_id, columns.listed
    )


async def _load_parents(
    tx: Transaction, school_id: UUID, student_ids: list[UUID]
) -> defaultdict[UUID, list[ParentRow]]:
    parents_by_student: defaultdict[UUID, list[ParentRow]] = defaultdict(list)
    if not student_ids:
        return parents_by_student
    query = (
        select(*PARENT_COLUMNS, links.c.student_id)
        .join(links, (parents.c.school_id == links.c.school_id) & (parents.c.parent_id == links.c.parent_id))
        .where(links.c.school_id == school_id, links.c.student_id.in_(student_ids), parents.c.listed)
        .order_by(parents.c.sort_name, parents.c.parent_id)
    )
    rows = await tx.rows(query)
    for row, parent in zip(rows, await with_children(tx, school_id, rows), strict=True):
        parents_by_student[row.student_id].append(parent)
    return parents_by_student
