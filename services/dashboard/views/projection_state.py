"""Small queries by which a use case sees that the projection has caught up with a command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from services.dashboard.storage.tables import links, parents, schools, students
from shared.runtime.database import Transaction


@dataclass(frozen=True, slots=True)
class ParentSnapshot:
    """Columns of a listed parent that change with an edit, an invitation or its withdrawal."""

    person_version: int
    last_invited_at: datetime | None
    state: str | None


async def find_parent_snapshot(tx: Transaction, school_id: UUID, parent_id: UUID) -> ParentSnapshot | None:
    """Return the snapshot of a listed parent, or None."""
    row = await tx.row(
        select(parents.c.person_version, parents.c.last_invited_at, parents.c.state).where(
            parents.c.school_id == school_id, parents.c.parent_id == parent_id, parents.c.listed
        )
    )
    return ParentSnapshot(*tuple(row)) if row else None


async def count_listed_parents(tx: Transaction, school_id: UUID, student_id: UUID) -> int:
    """Return how many listed parents the student has."""
    query = (
        select(func.count())
        .select_from(links)
        .join(
            parents, (parents.c.school_id == links.c.school_id) & (parents.c.parent_id == links.c.parent_id)
        )
        .where(links.c.school_id == school_id, links.c.student_id == student_id, parents.c.listed)
    )
    return int(await tx.scalar(query))


async def is_student_listed(tx: Transaction, school_id: UUID, student_id: UUID) -> bool:
    """Return whether the school lists the student."""
    query = select(students.c.student_id).where(
        students.c.school_id == school_id, students.c.student_id == student_id, students.c.listed
    )
    return await tx.row(query) is not None


async def is_school_registered(tx: Transaction, school_id: UUID) -> bool:
    """Return whether the projection has the school."""
    return await tx.row(select(schools.c.school_id).where(schools.c.school_id == school_id)) is not None
