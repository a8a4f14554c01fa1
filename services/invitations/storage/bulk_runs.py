"""Bulk runs: their states, the list of their parents, and the pace at which they send.

Messages without a delivery report are counted by sums: the sender's count is stored in the run and the reports' count
beside it. So neither waits for a lock of the other, and no item needs an index on whether it has a report.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert

from services.invitations.domain.bulk import BulkRun, RunState, Selection
from services.invitations.storage.tables import bulk_runs
from shared.contracts.values import Channel, Delivery, InvitationStatus
from shared.runtime.database import Transaction, not_set_aside

CHANGES_CHANNEL = "invitations_runs"
"""PostgreSQL channel on which workers are notified of bulk runs to list or to continue."""
_NO_PARENT = UUID(int=0)
_FIND = text("SELECT * FROM bulk_runs WHERE school_id = :school_id AND bulk_id = :bulk_id")
_FIND_BY_KEY = text("SELECT * FROM bulk_runs WHERE school_id = :school_id AND idempotency_key = :key")
_CLAIM = text("SELECT * FROM bulk_runs WHERE school_id = :school_id AND bulk_id = :bulk_id FOR UPDATE")
_LIST_SELECTING = text(
    f"""
    SELECT * FROM bulk_runs WHERE state = 'selecting' AND {not_set_aside("bulk-listing", "bulk_id")}
     ORDER BY bulk_id LIMIT 100
    """
)
# Waits for a batch that is being sent. A worker that listed the run in the meantime has changed its state.
_CLAIM_SELECTING = text("SELECT * FROM bulk_runs WHERE bulk_id = :bulk_id AND state = 'selecting' FOR UPDATE")
# A run whose list is incomplete is chosen only while it has pending items; having none does not end it yet.
_CLAIM_NEXT = text(
    """
    SELECT * FROM bulk_runs AS g
     WHERE state IN ('selecting', 'running') AND coalesce(not_before <= :now, true)
       AND (state = 'running' OR EXISTS (
            SELECT 1 FROM bulk_items AS b
             WHERE b.bulk_id = g.bulk_id AND b.state = 'pending' AND b.parent_id > coalesce(g.expanded_to, :first)))
     ORDER BY expanded_at NULLS FIRST, bulk_id LIMIT 1 FOR UPDATE SKIP LOCKED
    """
)
_SET_STATE = text(
    """
    UPDATE bulk_runs SET state = :state,
           finished_at = CASE WHEN :finished THEN now() ELSE finished_at END
     WHERE bulk_id = :bulk_id
    """
)
_CANCEL_ITEMS = text(
    """
    UPDATE bulk_items SET state = 'skipped', reason = 'cancelled'
     WHERE bulk_id = :bulk_id AND state = 'pending'
    """
)
_MARK_SELECTED = text(
    """
    UPDATE bulk_runs SET state = 'running', selected_at = now(), not_known_yet = :not_known_yet, note = :note
     WHERE bulk_id = :bulk_id
    """
)
_NOTIFY = text("SELECT pg_notify(:channel, '')")
# Of a run that the statistics do not cover yet, PostgreSQL expects few items and would read all of them to sort them.
# Without bitmap scans they are read in the order of the key, as far as they are needed.
_LOCK_SENDING = text(
    """
    SELECT pg_try_advisory_xact_lock(hashtextextended('invitations.bulk', 0)),
           set_config('enable_bitmapscan', 'off', true)
    """
)
_COUNT_UNREPORTED = text(
    """
    SELECT coalesce(sum(greatest(g.sent - coalesce(o.outcomes, 0), 0)), 0)
      FROM bulk_runs AS g LEFT JOIN bulk_outcomes AS o USING (bulk_id) WHERE g.expanded_at >= :since
    """
)
# Reports that are missing from before `since` are no longer waited for.
_RECORD_BATCH = text(
    """
    UPDATE bulk_runs AS g
       SET expanded_at = clock_timestamp(), expanded_to = :expanded_to,
           sent = :sent + CASE WHEN g.expanded_at >= :since THEN g.sent ELSE
               coalesce((SELECT outcomes FROM bulk_outcomes AS o WHERE o.bulk_id = g.bulk_id), 0) END
     WHERE bulk_id = :bulk_id
    """
)


async def create(tx: Transaction, run: BulkRun) -> bool:
    """Insert a new run; return False if the school has one with its idempotency key."""
    statement = (
        insert(bulk_runs).values(**_columns(run)).on_conflict_do_nothing().returning(bulk_runs.c.bulk_id)
    )
    return await tx.row(statement) is not None


async def notify_workers(tx: Transaction) -> None:
    """Notify the workers, when the transaction commits, that there is a run to list or to continue."""
    await tx.execute(_NOTIFY, {"channel": CHANGES_CHANNEL})


async def find(tx: Transaction, school_id: UUID, bulk_id: UUID) -> BulkRun | None:
    """Return a run of this school, or None."""
    return _run_or_none(await tx.row(_FIND, {"school_id": school_id, "bulk_id": bulk_id}))


async def find_by_key(tx: Transaction, school_id: UUID, key: str) -> BulkRun | None:
    """Return the run that was created with this idempotency key, or None."""
    return _run_or_none(await tx.row(_FIND_BY_KEY, {"school_id": school_id, "key": key}))


async def claim(tx: Transaction, school_id: UUID, bulk_id: UUID) -> BulkRun | None:
    """Lock and return a run of this school, or None. Waits for a batch that is being sent."""
    return _run_or_none(await tx.row(_CLAIM, {"school_id": school_id, "bulk_id": bulk_id}))


async def list_selecting(tx: Transaction) -> list[BulkRun]:
    """Return runs whose parents are not listed yet, oldest first."""
    return [_run(row) for row in await tx.rows(_LIST_SELECTING)]


async def claim_selecting(tx: Transaction, bulk_id: UUID) -> BulkRun | None:
    """Lock and return the run if its parents are not listed yet."""
    return _run_or_none(await tx.row(_CLAIM_SELECTING, {"bulk_id": bulk_id}))


async def claim_next(tx: Transaction) -> BulkRun | None:
    """Lock and return the run that waited longest for its turn, so that large runs do not delay small ones."""
    return _run_or_none(await tx.row(_CLAIM_NEXT, {"now": tx.now, "first": _NO_PARENT}))


async def set_state(tx: Transaction, run: BulkRun, state: RunState) -> None:
    """Set the state of the locked run. A final state sets `finished_at`; cancelling skips the pending items."""
    finished = state in {RunState.DONE, RunState.CANCELLED}
    await tx.execute(_SET_STATE, {"bulk_id": run.bulk_id, "state": state.value, "finished": finished})
    if state is RunState.CANCELLED:
        await tx.execute(_CANCEL_ITEMS, {"bulk_id": run.bulk_id})


async def mark_selected(tx: Transaction, run: BulkRun, not_known_yet: int, note: str | None) -> None:
    """Mark all parents of the locked run as listed."""
    parameters = {"bulk_id": run.bulk_id, "not_known_yet": not_known_yet, "note": note}
    await tx.execute(_MARK_SELECTED, parameters)


async def lock_sending(tx: Transaction) -> bool:
    """Become the only sender of bulk runs in the installation until the transaction ends; False if another one is.

    Also makes the transaction read items in the order of their key.
    """
    return bool(await tx.scalar(_LOCK_SENDING))


async def count_unreported(tx: Transaction, since: datetime) -> int:
    """Return the number of messages without a delivery report, of all runs that sent a batch since then."""
    return int(await tx.scalar(_COUNT_UNREPORTED, {"since": since}))


async def record_batch(tx: Transaction, run: BulkRun, expanded_to: UUID, sent: int, since: datetime) -> None:
    """Record that the locked run sent `sent` messages and was processed up to the parent `expanded_to`.

    If its previous batch was sent before `since`, missing delivery reports of that time are no longer waited for.
    """
    parameters = {"bulk_id": run.bulk_id, "expanded_to": expanded_to, "sent": sent, "since": since}
    await tx.execute(_RECORD_BATCH, parameters)


def _columns(run: BulkRun) -> dict[str, Any]:
    selection = run.selection
    return {
        "bulk_id": run.bulk_id,
        "school_id": run.school_id,
        "state": run.state.value,
        "channel": run.channel.value,
        "selection": {
            "everyone": selection.everyone,
            "parent_ids": [str(parent_id) for parent_id in selection.parent_ids],
            "student_ids": [str(student_id) for student_id in selection.student_ids],
            "statuses": [status.value for status in selection.statuses],
            "deliveries": [delivery.value for delivery in selection.deliveries],
            "signed_up": selection.signed_up,
        },
        "idempotency_key": run.idempotency_key,
        "body_digest": run.body_digest,
        "actor": run.actor,
        "created_at": run.created_at,
        "not_before": run.not_before,
        "not_known_yet": 0,
    }


def _run_or_none(row: Row[Any] | None) -> BulkRun | None:
    return None if row is None else _run(row)


def _run(row: Row[Any]) -> BulkRun:
    stored = row.selection
    selection = Selection(
        everyone=stored["everyone"],
        parent_ids=tuple(UUID(parent_id) for parent_id in stored["parent_ids"]),
        student_ids=tuple(UUID(student_id) for student_id in stored["student_ids"]),
        statuses=tuple(InvitationStatus(status) for status in stored["statuses"]),
        deliveries=tuple(Delivery(delivery) for delivery in stored["deliveries"]),
        signed_up=stored["signed_up"],
    )
    return BulkRun(
        bulk_id=row.bulk_id,
        school_id=row.school_id,
        state=RunState(row.state),
        channel=Channel(row.channel),
        selection=selection,
        created_at=row.created_at,
        body_digest=row.body_digest,
        idempotency_key=row.idempotency_key,
        actor=row.actor,
        not_before=row.not_before,
        selected_at=row.selected_at,
        finished_at=row.finished_at,
        not_known_yet=row.not_known_yet,
        note=row.note,
        expanded_to=row.expanded_to,
    )
