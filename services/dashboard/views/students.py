"""Students with their parents' status beneath the names (P7, P15, P22)."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import Select, exists, or_, select, tuple_

from services.dashboard.domain.rows import ParentRow, StudentRow
from services.dashboard.domain.status import Status
from services.dashboard.storage.tables import links, parents, students
from services.dashboard.views.rows import PARENT_COLUMNS, with_children
from services.dashboard.views.search import containing
from shared.runtime.database import Transaction

LISTED_PARENT = (
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
    """A page in the order of names, and the student after which the next page begins (None: no more).

    `not_signed_up` keeps students with at least one parent who has not signed up (P22).
    Raises LookupError when `after` is no student of the school.
    """
    query = _listed(school_id)
    if text:
        query = query.where(or_(containing(students.c.sort_name, text), students.c.number == text.strip()))
    if not_signed_up:
        waiting = exists().where(
            links.c.school_id == school_id,
            links.c.student_id == students.c.student_id,
            *LISTED_PARENT,
            parents.c.status != Status.SIGNED_UP.value,
        )
        query = query.where(waiting)
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
    of_student = await _parents_of(tx, school_id, [row.student_id for row in rows[:limit]])
    page = [
        StudentRow(row.student_id, row.name, row.number, row.class_name, of_student[row.student_id])
        for row in rows[:limit]
    ]
    return page, page[-1].student_id if len(rows) > limit else None


async def find_student(tx: Transaction, school_id: UUID, student_id: UUID) -> StudentRow | None:
    """One student with parents, or None where the school lists no such student."""
    row = await tx.row(_listed(school_id).where(students.c.student_id == student_id))
    if row is None:
        return None
    of_student = await _parents_of(tx, school_id, [student_id])
    return StudentRow(row.student_id, row.name, row.number, row.class_name, of_student[student_id])


def _listed(school_id: UUID) -> Select[tuple[object, ...]]:
    columns = students.c
    return select(columns.student_id, columns.name, columns.number, columns.class_name).where(
        columns.school_id == school_id, columns.listed
    )


async def _parents_of(
    tx: Transaction, school_id: UUID, student_ids: list[UUID]
) -> defaultdict[UUID, list[ParentRow]]:
    found: defaultdict[UUID, list[ParentRow]] = defaultdict(list)
    if not student_ids:
        return found
    query = (
        select(*PARENT_COLUMNS, links.c.student_id)
        .join(links, (parents.c.school_id == links.c.school_id) & (parents.c.parent_id == links.c.parent_id))
        .where(links.c.school_id == school_id, links.c.student_id.in_(student_ids), parents.c.listed)
        .order_by(parents.c.sort_name, parents.c.parent_id)
    )
    rows = await tx.rows(query)
    for row, parent in zip(rows, await with_children(tx, school_id, rows), strict=True):
        found[row.student_id].append(parent)
    return found
