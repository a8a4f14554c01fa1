"""Table `sibling_groups`: loading and saving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.people import Reason, SiblingGroup
from services.roster.domain.roster_changes import Difference
from services.roster.storage.statements import BatchWrite, SchoolWriter, delete_by_ids
from services.roster.storage.tables import SIBLING_GROUPS
from shared.runtime.database import Transaction

_LOAD = text(
    """
    SELECT sibling_group_id, parent_ids, student_ids, reason, automatic, version FROM sibling_groups
     WHERE school_id = :school_id
       AND (parent_ids && CAST(:parent_ids AS uuid[]) OR student_ids && CAST(:student_ids AS uuid[])
            OR sibling_group_id = ANY(CAST(:group_ids AS uuid[])))
     ORDER BY sibling_group_id
    """
)
_DELETE = delete_by_ids(SIBLING_GROUPS, "sibling_group_id")
_WRITE = BatchWrite.for_table(SIBLING_GROUPS, mutable="parent_ids student_ids version")


async def load_groups(
    tx: Transaction,
    school_id: UUID,
    *,
    group_ids: Iterable[UUID] = (),
    parent_ids: Iterable[UUID] = (),
    student_ids: Iterable[UUID] = (),
) -> list[SiblingGroup]:
    """Return the groups with these ids, and those that contain one of these parents or students."""
    rows = await tx.rows(
        _LOAD,
        {
            "school_id": school_id,
            "group_ids": list(group_ids),
            "parent_ids": list(parent_ids),
            "student_ids": list(student_ids),
        },
    )
    return [_group(row) for row in rows]


async def save_groups(tx: Transaction, school_id: UUID, difference: Difference[SiblingGroup]) -> None:
    """Delete, update and insert groups."""
    writer = SchoolWriter(tx, school_id)
    await writer.run_by_ids(_DELETE, difference.removed_ids)
    await writer.save(
        _WRITE,
        added=[_row(group) for group in difference.added],
        updated=[_row(group) for _, group in difference.updated],
    )


def _group(row: Any) -> SiblingGroup:
    return SiblingGroup(
        row.sibling_group_id,
        tuple(row.parent_ids),
        tuple(row.student_ids),
        Reason(row.reason),
        row.automatic,
        row.version,
    )


def _row(group: SiblingGroup) -> dict[str, Any]:
    return {
        "sibling_group_id": group.sibling_group_id,
        "parent_ids": group.parent_ids,
        "student_ids": group.student_ids,
        "reason": group.reason,
        "automatic": group.automatic,
        "version": group.version,
    }
