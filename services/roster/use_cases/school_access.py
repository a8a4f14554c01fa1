"""Access to a school: reading it, or locking its roster for a change."""

from __future__ import annotations

from uuid import UUID

from services.roster.domain.people import School
from services.roster.storage import schools
from services.roster.use_cases.errors import school_not_found
from shared.runtime.database import Transaction

LOCK_TIMEOUT_SECONDS = 10.0


async def get_school(tx: Transaction, school_id: UUID) -> School:
    """Return a school without locking it. Raises NotFound."""
    school = await schools.find_school(tx, school_id)
    if school is None:
        raise school_not_found()
    return school


async def claim_school(tx: Transaction, school_id: UUID, *, background: bool = False) -> School:
    """Return a school with its roster locked until the transaction ends. Raises NotFound.

    A request waits LOCK_TIMEOUT_SECONDS for another writer, such as a large import, and then fails as transient, so
    that the requests of one school cannot occupy every connection. `background` work waits as long as it takes.
    """
    timeout_seconds = None if background else LOCK_TIMEOUT_SECONDS
    school = await schools.claim_school(tx, school_id, lock_timeout_seconds=timeout_seconds)
    if school is None:
        raise school_not_found()
    return school
