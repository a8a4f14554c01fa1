"""Execution of bulk runs: lists their parents, and sends at a limited pace. Each parent is invited once.

A run can be resumed after any kill: items and messages are written in the same transaction.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from services.invitations.domain.bulk import BulkRun, RunState
from services.invitations.domain.models import Invitation, InvitationPolicy, Origin
from services.invitations.domain.rules import Denied, InviteRequest
from services.invitations.storage import bulk_items, bulk_runs
from services.invitations.storage.bulk_items import Item
from services.invitations.use_cases.invite import InviteCommand, invite
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

REPORT_PATIENCE = timedelta(hours=6)
"""Time after which a missing delivery report (a dead letter, a restored database) no longer limits the pace."""


async def list_selecting(tx: Transaction) -> list[BulkRun]:
    """Return the runs whose parents are not listed yet."""
    return await bulk_runs.list_selecting(tx)


async def list_parents(tx: Transaction, bulk_id: UUID, missing: int, note: str | None) -> None:
    """List all parents of a run that is not listed yet, and let it finish once they are processed.

    `missing` parents of the roster have not arrived. They are counted as selected only if the run is about everyone;
    for other selections the note has to suffice.
    """
    run = await bulk_runs.claim_selecting(tx, bulk_id)
    if run is None:
        return
    await bulk_items.insert_selected(tx, run)
    not_arrived = await bulk_items.count_not_arrived(tx, run.school_id, run.selection)
    not_known_yet = not_arrived + (missing if run.selection.everyone else 0)
    await bulk_runs.mark_selected(tx, run, not_known_yet, note)


async def list_arrived_parents(tx: Transaction, bulk_id: UUID) -> int:
    """List the parents that have arrived so far, if the run is about everyone, and return how many were new.

    A filter is evaluated only once, when all parents have arrived, because the run itself changes what it selects.
    """
    run = await bulk_runs.claim_selecting(tx, bulk_id)
    if run is None or not run.selection.everyone:
        return 0
    return await bulk_items.insert_selected(tx, run)


async def send_bulk(
    tx: Transaction, policy: InvitationPolicy, *, batch_size: int, outstanding_limit: int, claimed: list[UUID]
) -> int | None:
    """Send the next batch of the run whose turn it is.

    Returns how many delivery reports must arrive before another batch fits below `outstanding_limit`; 0 if more may
    be sent at once, None if there is nothing to send. A batch is sent only when it fits whole, because a small one
    costs as much as a full one. Adds the claimed parents to `claimed`.
    """
    if not await bulk_runs.lock_sending(tx):
        return None
    since = tx.now - REPORT_PATIENCE
    size = min(batch_size, outstanding_limit)
    excess = size + await bulk_runs.count_unreported(tx, since) - outstanding_limit
    if excess > 0:
        return excess
    run = await bulk_runs.claim_next(tx)
    if run is None:
        return None
    parent_ids = await bulk_items.claim_pending(tx, run, size)
    claimed += parent_ids
    if not parent_ids:
        if run.selected_at is None:
            return None
        await bulk_runs.set_state(tx, run, RunState.DONE)
        return 0
    items = await _send(tx, policy, run, parent_ids)
    await bulk_items.save(tx, items)
    awaited = sum(item.state == "messaged" and not item.deferred for item in items)
    await bulk_runs.record_batch(tx, run, parent_ids[-1], awaited, since)
    return 0


async def _send(
    tx: Transaction, policy: InvitationPolicy, run: BulkRun, parent_ids: list[UUID]
) -> list[Item]:
    request = InviteRequest(Origin.BULK, run.channel)
    commands = [InviteCommand(run.school_id, parent_id, request, run.actor) for parent_id in parent_ids]
    results = await invite(tx, policy, commands, Lane.BULK)
    return [_item(run.bulk_id, parent_id, results[parent_id]) for parent_id in parent_ids]


def _item(bulk_id: UUID, parent_id: UUID, result: Invitation | Denied) -> Item:
    if isinstance(result, Denied):
        return Item(bulk_id, parent_id, "skipped", result.reason.value)
    deferred = result.send_at is not None
    return Item(bulk_id, parent_id, "messaged", None, result.message_id, deferred=deferred)
