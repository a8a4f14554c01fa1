"""Table `schools`: the replica of roster's schools."""

from __future__ import annotations

from collections.abc import Sequence

from services.dashboard.domain.schools_students import School
from services.dashboard.storage.versioned_columns import VersionedColumns, build_upsert, newest_per_key
from shared.runtime.database import Transaction

SCHOOL_KEYS = (("school_id", "uuid"),)
SCHOOL = VersionedColumns(
    (
        ("version", "bigint"),
        ("name", "text"),
        ("country", "text"),
        ("language", "text"),
        ("timezone", "text"),
        ("invitation_lifetime_days", "integer"),
    )
)


async def save_schools(tx: Transaction, schools: Sequence[School]) -> None:
    """Save the newest version of each school, unless the stored one is as new."""
    newest = newest_per_key(schools, lambda school: school.school_id)
    await tx.execute(*build_upsert("schools", SCHOOL_KEYS, (SCHOOL,)).bind(newest))
