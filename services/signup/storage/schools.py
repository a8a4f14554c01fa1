"""Replicas of schools."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from services.signup.domain.replicas import School, newest_versions
from shared.runtime.database import BatchStatement, Transaction

_SAVE = BatchStatement(
    """
    INSERT INTO schools AS s ({names})
    SELECT * FROM {rows} ORDER BY school_id
    ON CONFLICT (school_id) DO UPDATE SET version = excluded.version, name = excluded.name,
        language = excluded.language
     WHERE s.version < excluded.version
    """,
    {"school_id": "uuid", "version": "bigint", "name": "text", "language": "text"},
)


async def save_schools(tx: Transaction, schools: Sequence[School]) -> None:
    """Save the newest version of each school. A stored row that is as new stays as it is."""
    newest = newest_versions(schools, key=attrgetter("school_id"))
    await tx.execute(*_SAVE.bind(newest))
