"""Items of bulk runs: one row per run and parent, so that a run messages no parent twice.

The condition of a selection is one SQL expression; it lists a run's items and feeds its preview.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.bulk import BulkRun, Selection
from services.invitations.domain.delivery import DeliveryReport
from services.invitations.domain.models import UNDELIVERABLE, LastMessage
from shared.contracts.values import InvitationStatus
from shared.runtime.database import BatchStatement, Transaction, not_set_aside

FIRST = UUID(int=0)
"""Id before that of every parent."""
_SELECTED = (
    "FROM parents p LEFT JOIN invitations i ON i.school_id = p.school_id AND i.parent_id = p.parent_id"
)
_INSERT = """
INSERT INTO bulk_items (bulk_id, parent_id, school_id, state)
SELECT :bulk_id, p.parent_id, p.school_id, 'pending' {selected} WHERE {condition}
   AND NOT EXISTS (SELECT 1 FROM bulk_items AS b WHERE b.bulk_id = :bulk_id AND b.parent_id = p.parent_id)
 ORDER BY p.parent_id
ON CONFLICT DO NOTHING
"""
_PAGE = """
SELECT p.parent_id {selected} WHERE {condition} AND p.parent_id > :after ORDER BY p.parent_id LIMIT :limit
"""
_COUNT_ARRIVED = """
SELECT count(*) FROM parents p WHERE p.school_id = :school_id AND p.parent_id = ANY(CAST(:parent_ids AS uuid[]))
"""
CLAIM_PENDING = text(
    f"""
    SELECT parent_id FROM bulk_items WHERE bulk_id = :bulk_id AND parent_id > :after AND state = 'pending'
       AND {not_set_aside("bulk-sending", "parent_id")}
     ORDER BY parent_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
# Every row carries the run's id: with a single parameter for it, PostgreSQL would read all items of the run and join.
SAVE = BatchStatement(
    """
    UPDATE bulk_items AS b
       SET state = r.state, reason = r.reason, message_id = r.message_id, has_outcome = r.deferred
      FROM {rows}
     WHERE b.bulk_id = r.bulk_id AND b.parent_id = r.parent_id
    """,
    {
        "bulk_id": "uuid",
        "parent_id": "uuid",
        "message_id": "uuid",
        "state": "text",
        "reason": "text",
        "deferred": "boolean",
    },
)
# There is no index from a message to its item, so that updates of items touch no index. The item is found through the
# school's runs of the last month instead. Reports after the first one change nothing unless they are failures. LATERAL
# keeps PostgreSQL from reading a whole run.
APPLY_REPORTS = BatchStatement(
    """
    WITH locked AS (
        SELECT b.*, r.failed, r.reason
          FROM (SELECT * FROM {rows} ORDER BY parent_id) AS r,
               LATERAL (SELECT b.bulk_id, b.parent_id, NOT b.has_outcome AS is_first
                          FROM bulk_runs AS g JOIN bulk_items AS b USING (bulk_id)
                         WHERE g.school_id = r.school_id
                           AND coalesce(g.finished_at > now() - interval '30 days', true)
                           AND b.parent_id = r.parent_id AND b.message_id = r.message_id
                           AND b.state = 'messaged' AND (r.failed OR NOT b.has_outcome)
                         LIMIT 1 FOR UPDATE OF b) AS b
    ),
    moved AS (
        UPDATE bulk_items AS b
           SET has_outcome = true, state = CASE WHEN l.failed THEN 'failed' ELSE b.state END,
               reason = CASE WHEN l.failed THEN l.reason ELSE b.reason END
          FROM locked l WHERE b.bulk_id = l.bulk_id AND b.parent_id = l.parent_id
    )
    INSERT INTO bulk_outcomes AS o (bulk_id, school_id, outcomes)
    SELECT bulk_id, g.school_id, count(*) FROM locked JOIN bulk_runs AS g USING (bulk_id)
     WHERE is_first GROUP BY bulk_id, g.school_id ORDER BY bulk_id
    ON CONFLICT (bulk_id) DO UPDATE SET outcomes = o.outcomes + excluded.outcomes
    """,
    {"message_id": "uuid", "parent_id": "uuid", "school_id": "uuid", "failed": "boolean", "reason": "text"},
)


@dataclass(frozen=True, slots=True)
class Item:
    """Result of one parent in a bulk run. `deferred`: the message awaits the end of quiet hours, the run does not."""

    bulk_id: UUID
    parent_id: UUID
    state: str
    reason: str | None = None
    message_id: UUID | None = None
    deferred: bool = False


async def insert_selected(tx: Transaction, run: BulkRun) -> int:
    """Insert a pending item for every selected parent who has none, and return how many were inserted."""
    condition, parameters = _condition(run.school_id, run.selection)
    statement = _INSERT.format(selected=_SELECTED, condition=condition)
    return int((await tx.execute(statement, {**parameters, "bulk_id": run.bulk_id})).rowcount)


async def list_selected(
    tx: Transaction, school_id: UUID, selection: Selection, after: UUID, limit: int
) -> list[UUID]:
    """Return the next `limit` selected parents after `after`, in the order of their ids."""
    condition, parameters = _condition(school_id, selection)
    statement = _PAGE.format(selected=_SELECTED, condition=condition)
    rows = await tx.rows(statement, {**parameters, "after": after, "limit": limit})
    return [row.parent_id for row in rows]


async def count_not_arrived(tx: Transaction, school_id: UUID, selection: Selection) -> int:
    """Return how many of the parents that the selection names have not arrived in this service."""
    if not selection.parent_ids:
        return 0
    named = set(selection.parent_ids)
    arrived = await tx.scalar(_COUNT_ARRIVED, {"school_id": school_id, "parent_ids": list(named)})
    return len(named) - int(arrived)


async def claim_pending(tx: Transaction, run: BulkRun, limit: int) -> list[UUID]:
    """Lock the next `limit` pending items and return their parents, in the order of their ids.

    Parents who were listed later, with an id that the run has already passed, come at the end.
    """
    parameters = {"bulk_id": run.bulk_id, "after": run.expanded_to or FIRST, "limit": limit}
    rows = await tx.rows(CLAIM_PENDING, parameters)
    if not rows and run.expanded_to is not None and run.selected_at is not None:
        rows = await tx.rows(CLAIM_PENDING, {**parameters, "after": FIRST})
    return [row.parent_id for row in rows]


async def save(tx: Transaction, items: Iterable[Item]) -> None:
    """Save the results of locked items."""
    await tx.execute(*SAVE.bind(items))


async def apply_reports(tx: Transaction, reports: Sequence[tuple[LastMessage, DeliveryReport]]) -> None:
    """Apply delivery reports, one per message, to the items of their messages; messages of no run are ignored."""
    if not reports:
        return
    columns: dict[str, list[Any]] = {
        "message_id": [report.message_id for _, report in reports],
        "parent_id": [message.parent_id for message, _ in reports],
        "school_id": [message.school_id for message, _ in reports],
        "failed": [report.delivery in UNDELIVERABLE for _, report in reports],
        "reason": [report.code or report.delivery for _, report in reports],
    }
    await tx.execute(*APPLY_REPORTS.bind_columns(columns))


def _condition(school_id: UUID, selection: Selection) -> tuple[str, dict[str, Any]]:
    """Return a WHERE clause over `p` and `i` with its parameters. Removed parents are selected only by their ids."""
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
