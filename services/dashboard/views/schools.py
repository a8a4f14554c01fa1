"""Schools of the installation."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select

from services.dashboard.domain.schools_students import School
from services.dashboard.storage.tables import schools
from shared.runtime.database import Transaction

COLUMNS = (
    schools.c.school_id,
    schools.c.version,
    schools.c.name,
    schools.c.country,
    schools.c.language,
    schools.c.timezone,
    schools.c.invitation_lifetime_days,
)


async def list_schools(tx: Transaction, allowed: Collection[UUID] | None) -> list[School]:
    """Return the allowed schools (None: all) by name."""
    query = select(*COLUMNS).order_by(schools.c.name, schools.c.school_id)
    if allowed is not None:
        query = query.where(schools.c.school_id.in_(list(allowed)))
    return [School(*tuple(row)) for row in await tx.rows(query)]


async def find_school(tx: Transaction, school_id: UUID) -> School | None:
    """Return the school, or None if the projection does not have it."""
    row = await tx.row(select(*COLUMNS).where(schools.c.school_id == school_id))
    return School(*tuple(row)) if row else None
