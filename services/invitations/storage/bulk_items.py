"""The items of bulk runs: one per (run, parent), so that a run messages nobody twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.bulk import Run
from services.invitations.domain.delivery import Outcome
from services.invitations.domain.states import STOPPED
from shared.runtime.database import Transaction
from shared.runtime.ids import lowest_id_at
from shared.runtime.rowset import RowStatement

_OUTSTANDING = text(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM bulk_items WHERE state = 'messaged' AND NOT has_outcome AND message_id >= :oldest LIMIT :most) o
    """
)
_CLAIM_ITEMS = text(
    """
    SELECT parent_id FROM bulk_items WHERE bulk_id = :bulk_id AND state = 'pending'
     ORDER BY parent_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_SAVE_ITEMS = RowStatement(
    """
    UPDATE bulk_items AS b SET state = r.state, reason = r.reason, message_id = r.message_id, has_outcome = r.held
      FROM {rows}
     WHERE b.bulk_id = :bulk_id AND b.parent_id = r.parent_id
    """,
    {"parent_id": "uuid", "state": "text", "reason": "text", "message_id": "uuid", "held": "boolean"},
    same=("state", "reason", "held"),
)
_TAKE_OUTCOMES = text(
    """
    WITH locked AS (
        SELECT b.bulk_id, b.parent_id, r.failed, r.reason
          FROM unnest(CAST(:message_ids AS uuid[]), CAST(:failed AS boolean[]), CAST(:reasons AS text[]))
               AS r (message_id, failed, reason)
          JOIN bulk_items b USING (message_id)
         WHERE b.state = 'messaged' ORDER BY b.bulk_id, b.parent_id FOR UPDATE OF b
    )
    UPDATE bulk_items AS b
       SET has_outcome = true, state = CASE WHEN l.failed THEN 'failed' ELSE b.state END,
           reason = CASE WHEN l.failed THEN l.reason ELSE b.reason END
      FROM locked l WHERE b.bulk_id = l.bulk_id AND b.parent_id = l.parent_id
    """
)
_SKIP_UNSENT = text(
    """
    WITH locked AS (
        SELECT b.bulk_id, b.parent_id
          FROM unnest(CAST(:invitation_ids AS uuid[]), CAST(:message_ids AS uuid[])) AS r (invitation_id, message_id)
          JOIN invitations AS i USING (invitation_id) JOIN bulk_items AS b ON b.message_id = i.message_id
         WHERE i.send_at IS NOT NULL AND i.message_id IS DISTINCT FROM r.message_id AND b.state = 'messaged'
         ORDER BY b.bulk_id, b.parent_id FOR UPDATE OF b
    )
    UPDATE bulk_items AS b SET state = 'skipped', reason = 'not_sent'
      FROM locked l WHERE b.bulk_id = l.bulk_id AND b.parent_id = l.parent_id
    """
)


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one parent in a run. `held`: the message waits for the end of quiet hours, and no run for it."""

    parent_id: UUID
    state: str
    reason: str | None = None
    message_id: UUID | None = None
    held: bool = False


async def count_outstanding(tx: Transaction, most: int, since: datetime) -> int:
    """Messages of all runs, asked for `since` then, that have no outcome yet; counting stops at `most`."""
    return int(await tx.scalar(_OUTSTANDING, {"most": most, "oldest": lowest_id_at(since)}))


async def claim_items(tx: Transaction, run: Run, limit: int) -> list[UUID]:
    """Lock the next parents of the run."""
    rows = await tx.rows(_CLAIM_ITEMS, {"bulk_id": run.bulk_id, "limit": limit})
    return [row.parent_id for row in rows]


async def save_items(tx: Transaction, run: Run, items: Iterable[Item]) -> None:
    """Write what became of locked items."""
    await tx.execute(*_SAVE_ITEMS.of(items, bulk_id=run.bulk_id))


async def skip_unsent(tx: Transaction, messages: Mapping[UUID, UUID | None]) -> None:
    """Skip the items of messages that wait for the morning and that these invitations, not saved yet, give up.

    By invitation: the message that it has from now on, or None where it has none to send.
    """
    rows = {"invitation_ids": list(messages), "message_ids": list(messages.values())}
    await tx.execute(_SKIP_UNSENT, rows)


async def take_outcomes(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Move the items of these messages; one outcome per message. Messages outside any run are ignored."""
    rows = {
        "message_ids": [outcome.message_id for outcome in outcomes],
        "failed": [outcome.delivery in STOPPED for outcome in outcomes],
        "reasons": [outcome.code or outcome.delivery.value for outcome in outcomes],
    }
    await tx.execute(_TAKE_OUTCOMES, rows)
