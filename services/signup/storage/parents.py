"""Replicas of parent records: which students each may see. Names and contacts are stored as digests only."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.links import Submission
from services.signup.domain.replicas import Parent
from shared.runtime.database import ReplicaTable, Transaction

_PARENTS = ReplicaTable(
    "parents",
    "parent_id",
    {
        "parent_id": "uuid",
        "school_id": "uuid",
        "version": "bigint",
        "language": "text",
        "visible_student_ids": "uuid[]",
        "name_words": "text[]",
        "address_words": "text[]",
        "removed": "boolean",
    },
)
_INSERT_PLACEHOLDERS = text(
    """
    INSERT INTO parents (parent_id, school_id, version, visible_student_ids)
    SELECT DISTINCT ON (parent_id) parent_id, school_id, 0, CAST('{}' AS uuid[])
      FROM unnest(CAST(:parent_ids AS uuid[]), CAST(:school_ids AS uuid[])) AS row (parent_id, school_id)
     ORDER BY parent_id
    ON CONFLICT (parent_id) DO NOTHING
    """
)
_LOCK = text(
    """
    SELECT parent_id, version > 0 AND (removed OR cardinality(visible_student_ids) = 0) AS without_access
      FROM parents WHERE parent_id = ANY(CAST(:parent_ids AS uuid[])) ORDER BY parent_id FOR SHARE
    """
)


async def save_parents(tx: Transaction, parents: Sequence[Parent]) -> None:
    """Save the newest version of each parent record."""
    await _PARENTS.save(tx, parents)


async def lock_parents(tx: Transaction, submissions: Sequence[Submission]) -> set[UUID]:
    """Lock the parent records of the submissions, and return the ids of those that have no access.

    Changes of these records wait until the transaction ends. A record of which no event has arrived yet gets a
    placeholder of version 0, so that its first event waits, too. A placeholder counts as a record with access.
    """
    parent_ids = [submission.parent_id for submission in submissions]
    school_ids = [submission.school_id for submission in submissions]
    await tx.execute(_INSERT_PLACEHOLDERS, {"parent_ids": parent_ids, "school_ids": school_ids})
    rows = await tx.rows(_LOCK, {"parent_ids": parent_ids})
    return {row.parent_id for row in rows if row.without_access}
