"""Bulk runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert

from services.invitations.domain.bulk import Run, RunState, Selection
from services.invitations.domain.states import Channel, Delivery, InvitationStatus
from services.invitations.storage.tables import bulk_runs
from shared.runtime.database import Transaction

_FIND = text("SELECT * FROM bulk_runs WHERE school_id = :school_id AND bulk_id = :bulk_id")
_BY_KEY = text("SELECT * FROM bulk_runs WHERE school_id = :school_id AND idempotency_key = :key")
_CLAIM = text("SELECT * FROM bulk_runs WHERE school_id = :school_id AND bulk_id = :bulk_id FOR UPDATE")
_SELECTING = text("SELECT * FROM bulk_runs WHERE state = 'selecting' ORDER BY bulk_id LIMIT 100")
# Waits for a batch that is being expanded; whoever listed meanwhile has changed the state.
_CLAIM_SELECTING = text("SELECT * FROM bulk_runs WHERE bulk_id = :bulk_id AND state = 'selecting' FOR UPDATE")
# A run whose list is not complete has its turn where it has somebody to send to; that it has nobody ends it not yet.
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
_MOVE = text(
    """
    UPDATE bulk_runs SET state = :state,
           finished_at = CASE WHEN :finished THEN now() ELSE finished_at END
     WHERE bulk_id = :bulk_id
    """
)
_SELECTED = text(
    """
    UPDATE bulk_runs SET state = 'running', selected_at = now(), not_known_yet = :not_known_yet, note = :note
     WHERE bulk_id = :bulk_id
    """
)
_TELL = text("SELECT pg_notify(:channel, '')")
RUNS = "invitations_runs"
"""The channel on which workers hear, when it is committed, that there is a run to list or to go on with."""
_FIRST = UUID(int=0)
_CANCEL_ITEMS = text(
    """
    UPDATE bulk_items SET state = 'skipped', reason = 'cancelled'
     WHERE bulk_id = :bulk_id AND state = 'pending'
    """
)


async def create(tx: Transaction, run: Run) -> bool:
    """Keep a new run; False where the school has one with its idempotency key."""
    statement = (
        insert(bulk_runs).values(**_columns(run)).on_conflict_do_nothing().returning(bulk_runs.c.bulk_id)
    )
    return await tx.row(statement) is not None


async def tell(tx: Transaction) -> None:
    """Let the workers look for runs at once when the transaction commits."""
    await tx.execute(_TELL, {"channel": RUNS})


async def find(tx: Transaction, school_id: UUID, bulk_id: UUID) -> Run | None:
    """A run of this school."""
    return _maybe(await tx.row(_FIND, {"school_id": school_id, "bulk_id": bulk_id}))


async def find_by_key(tx: Transaction, school_id: UUID, key: str) -> Run | None:
    """The run that was made with this idempotency key."""
    return _maybe(await tx.row(_BY_KEY, {"school_id": school_id, "key": key}))


async def claim(tx: Transaction, school_id: UUID, bulk_id: UUID) -> Run | None:
    """Lock a run of this school; waits for a batch that is being expanded."""
    return _maybe(await tx.row(_CLAIM, {"school_id": school_id, "bulk_id": bulk_id}))


async def find_selecting(tx: Transaction) -> list[Run]:
    """Runs whose parents are not listed yet, oldest first."""
    return [_run(row) for row in await tx.rows(_SELECTING)]


async def claim_selecting(tx: Transaction, bulk_id: UUID) -> Run | None:
    """Lock the run if it still waits for its list."""
    return _maybe(await tx.row(_CLAIM_SELECTING, {"bulk_id": bulk_id}))


async def claim_next(tx: Transaction) -> Run | None:
    """Lock the run whose turn it is: the one that waited longest, so that a small run is not behind a large one."""
    return _maybe(await tx.row(_CLAIM_NEXT, {"now": tx.now, "first": _FIRST}))


async def move(tx: Transaction, run: Run, state: RunState) -> None:
    """Put the locked run into a state; the last two end it."""
    finished = state in {RunState.DONE, RunState.CANCELLED}
    await tx.execute(_MOVE, {"bulk_id": run.bulk_id, "state": state.value, "finished": finished})
    if state is RunState.CANCELLED:
        await tx.execute(_CANCEL_ITEMS, {"bulk_id": run.bulk_id})


async def mark_selected(tx: Transaction, run: Run, not_known_yet: int, note: str | None) -> None:
    """The run's parents are listed."""
    await tx.execute(_SELECTED, {"bulk_id": run.bulk_id, "not_known_yet": not_known_yet, "note": note})


def _columns(run: Run) -> dict[str, Any]:
    selection = run.selection
    return {
        "bulk_id": run.bulk_id,
        "school_id": run.school_id,
        "state": run.state.value,
        "channel": run.channel.value,
        "selection": {
            "everyone": selection.everyone,
            "parent_ids": [str(one) for one in selection.parent_ids],
            "student_ids": [str(one) for one in selection.student_ids],
            "statuses": [one.value for one in selection.statuses],
            "deliveries": [one.value for one in selection.deliveries],
            "signed_up": selection.signed_up,
        },
        "idempotency_key": run.idempotency_key,
        "body_digest": run.body_digest,
        "actor": run.actor,
        "created_at": run.created_at,
        "not_before": run.not_before,
        "not_known_yet": 0,
    }


def _maybe(row: Row[Any] | None) -> Run | None:
    return None if row is None else _run(row)


def _run(row: Row[Any]) -> Run:
    stored = row.selection
    selection = Selection(
        everyone=stored["everyone"],
        parent_ids=tuple(UUID(one) for one in stored["parent_ids"]),
        student_ids=tuple(UUID(one) for one in stored["student_ids"]),
        statuses=tuple(InvitationStatus(one) for one in stored["statuses"]),
        deliveries=tuple(Delivery(one) for one in stored["deliveries"]),
        signed_up=stored["signed_up"],
    )
    moments: dict[str, datetime | None] = {
        name: getattr(row, name) for name in ("not_before", "selected_at", "finished_at")
    }
    return Run(
        bulk_id=row.bulk_id,
        school_id=row.school_id,
        state=RunState(row.state),
        channel=Channel(row.channel),
        selection=selection,
        created_at=row.created_at,
        body_digest=row.body_digest,
        idempotency_key=row.idempotency_key,
        actor=row.actor,
        not_known_yet=row.not_known_yet,
        note=row.note,
        expanded_to=row.expanded_to,
        **moments,
    )
