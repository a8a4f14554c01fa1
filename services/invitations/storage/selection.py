"""Whom a selection means, as SQL: the same condition lists a run's items and feeds its preview."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.invitations.domain.bulk import Run, Selection
from services.invitations.domain.states import InvitationStatus
from shared.runtime.database import Transaction

_FROM = "FROM parents p LEFT JOIN invitations i ON i.school_id = p.school_id AND i.parent_id = p.parent_id"
_LIST = """
INSERT INTO bulk_items (bulk_id, parent_id, school_id, state)
SELECT :bulk_id, p.parent_id, p.school_id, 'pending' {source} WHERE {condition}
   AND NOT EXISTS (SELECT 1 FROM bulk_items AS b WHERE b.bulk_id = :bulk_id AND b.parent_id = p.parent_id)
 ORDER BY p.parent_id
ON CONFLICT DO NOTHING
"""
_PAGE = """
SELECT p.parent_id {source} WHERE {condition} AND p.parent_id > :after ORDER BY p.parent_id LIMIT :limit
"""
_KNOWN = """
SELECT count(*) FROM parents p WHERE p.school_id = :school_id AND p.parent_id = ANY(CAST(:parent_ids AS uuid[]))
"""


async def list_items(tx: Transaction, run: Run) -> int:
    """Write one pending item for every selected parent who has none; returns how many."""
    condition, parameters = _condition(run.school_id, run.selection)
    statement = _LIST.format(source=_FROM, condition=condition)
    return int((await tx.execute(statement, {**parameters, "bulk_id": run.bulk_id})).rowcount)


async def page_of(
    tx: Transaction, school_id: UUID, selection: Selection, after: UUID, limit: int
) -> list[UUID]:
    """The next selected parents after `after`, in id order."""
    condition, parameters = _condition(school_id, selection)
    statement = _PAGE.format(source=_FROM, condition=condition)
    rows = await tx.rows(statement, {**parameters, "after": after, "limit": limit})
    return [row.parent_id for row in rows]


async def count_unknown(tx: Transaction, school_id: UUID, selection: Selection) -> int:
    """How many of the parents that the selection names are not known here."""
    if not selection.parent_ids:
        return 0
    named = set(selection.parent_ids)
    known = await tx.scalar(_KNOWN, {"school_id": school_id, "parent_ids": list(named)})
    return len(named) - int(known)


def _condition(school_id: UUID, selection: Selection) -> tuple[str, dict[str, Any]]:
    """A WHERE clause over `p` and `i`, and its parameters. A removed parent is listed only where named."""
    parts = ["p.school_id = :school_id"]
    parameters: dict[str, Any] = {"school_id": school_id}
    if selection.parent_ids:
        parts.append("p.parent_id = ANY(CAST(:parent_ids AS uuid[]))")
        parameters["parent_ids"] = list(selection.parent_ids)
    else:
        parts.append("NOT p.removed")
    if selection.student_ids:
        parts.append("p.students && CAST(:student_ids AS uuid[])")
        parameters["student_ids"] = list(selection.student_ids)
    if selection.statuses:
        parts.append("coalesce(i.status, 'not_invited') = ANY(CAST(:statuses AS text[]))")
        parameters["statuses"] = [status.value for status in selection.statuses]
    if selection.deliveries:
        parts.append("i.delivery = ANY(CAST(:deliveries AS text[]))")
        parameters["deliveries"] = [delivery.value for delivery in selection.deliveries]
    if selection.signed_up is not None:
        parts.append("(coalesce(i.status, '') = :signed_up_status) = :signed_up")
        parameters["signed_up_status"] = InvitationStatus.SIGNED_UP.value
        parameters["signed_up"] = selection.signed_up
    return " AND ".join(parts), parameters
