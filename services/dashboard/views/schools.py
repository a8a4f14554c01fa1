"""The schools this installation knows."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select

from services.dashboard.domain.directory import School
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
    """The schools allowed (None: all) in the order of their names."""
    query = select(*COLUMNS).order_by(schools.c.name, schools.c.school_id)
    if allowed is not None:
        query = query.where(schools.c.school_id.in_(list(allowed)))
    return [School(*tuple(row)) for row in await tx.rows(query)]


async def find_school(tx: Transaction, school_id: UUID) -> School | None:
    """The school, or None for one nobody has registered yet."""
    row = await tx.row(select(*COLUMNS).where(schools.c.school_id == school_id))
    return School(*tuple(row)) if row else None
