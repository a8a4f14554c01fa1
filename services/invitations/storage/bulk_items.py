"""The items of bulk runs: one per (run, parent), so that a run messages nobody twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.bulk import Run
from services.invitations.domain.delivery import Outcome
from services.invitations.domain.models import LastMessage
from services.invitations.domain.states import STOPPED
from shared.runtime.database import BatchStatement, Transaction

_CLAIM_ITEMS = text(
    """
    SELECT parent_id FROM bulk_items WHERE bulk_id = :bulk_id AND parent_id > :after AND state = 'pending'
     ORDER BY parent_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
# With the run in every row: for a single one PostgreSQL would read all of its items and join them.
_SAVE_ITEMS = BatchStatement(
    """
    UPDATE bulk_items AS b SET state = r.state, reason = r.reason, message_id = r.message_id, has_outcome = r.held
      FROM {rows}
     WHERE b.bulk_id = r.bulk_id AND b.parent_id = r.parent_id
    """,
    {
        "bulk_id": "uuid",
        "parent_id": "uuid",
        "message_id": "uuid",
        "state": "text",
        "reason": "text",
        "held": "boolean",
    },
)
# No index leads from a message to its item, so that no update touches one: the runs of the school do, of a month. What
# comes after the first outcome and is no failure moves nothing. LATERAL, so that no run is read as a whole.
_TAKE_OUTCOMES = BatchStatement(
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
_SKIP_UNSENT = text(
    """
    WITH locked AS (
        SELECT b.bulk_id, b.parent_id
          FROM unnest(CAST(:invitation_ids AS uuid[]), CAST(:message_ids AS uuid[])) AS r (invitation_id, message_id)
          JOIN invitations AS i USING (invitation_id)
          JOIN bulk_runs AS g ON g.school_id = i.school_id
          JOIN bulk_items AS b ON b.bulk_id = g.bulk_id AND b.parent_id = i.parent_id
         WHERE i.send_at IS NOT NULL AND i.message_id IS DISTINCT FROM r.message_id
           AND b.message_id = i.message_id AND b.state = 'messaged'
         ORDER BY b.parent_id, b.bulk_id FOR UPDATE OF b
    )
    UPDATE bulk_items AS b SET state = 'skipped', reason = 'not_sent'
      FROM locked l WHERE b.bulk_id = l.bulk_id AND b.parent_id = l.parent_id
    """
)
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one parent in a run. `held`: the message waits for the end of quiet hours, and no run for it."""

    bulk_id: UUID
    parent_id: UUID
    state: str
    reason: str | None = None
    message_id: UUID | None = None
    held: bool = False


async def claim_items(tx: Transaction, run: Run, limit: int) -> list[UUID]:
    """Lock the run's next parents. They come in id order; who was listed later with a lower id comes in the end."""
    given = {"bulk_id": run.bulk_id, "after": run.expanded_to or FIRST, "limit": limit}
    rows = await tx.rows(_CLAIM_ITEMS, given)
    if not rows and run.expanded_to is not None and run.selected_at is not None:
        rows = await tx.rows(_CLAIM_ITEMS, {**given, "after": FIRST})
    return [row.parent_id for row in rows]


async def save_items(tx: Transaction, items: Iterable[Item]) -> None:
    """Write what became of locked items."""
    await tx.execute(*_SAVE_ITEMS.bind(items))


async def skip_unsent(tx: Transaction, messages: Mapping[UUID, UUID | None]) -> None:
    """Skip the items of messages that wait for the morning and that these invitations, not saved yet, give up.

    By invitation: the message that it has from now on, or None where it has none to send.
    """
    rows = {"invitation_ids": list(messages), "message_ids": list(messages.values())}
    await tx.execute(_SKIP_UNSENT, rows)


async def take_outcomes(tx: Transaction, outcomes: Sequence[tuple[LastMessage, Outcome]]) -> None:
    """Move the items of these messages, one outcome each, beside their invitations. Those of no run are ignored."""
    if not outcomes:
        return
    columns: dict[str, list[Any]] = {
        "message_id": [outcome.message_id for _, outcome in outcomes],
        "parent_id": [invitation.parent_id for invitation, _ in outcomes],
        "school_id": [invitation.school_id for invitation, _ in outcomes],
        "failed": [outcome.delivery in STOPPED for _, outcome in outcomes],
        "reason": [outcome.code or outcome.delivery for _, outcome in outcomes],
    }
    await tx.execute(*_TAKE_OUTCOMES.bind_columns(columns))
