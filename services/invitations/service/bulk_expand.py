"""Working a bulk run off: paced, resumable after any kill, every parent once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from services.invitations.domain.bulk import Run, RunState
from services.invitations.domain.models import Invitation
from services.invitations.domain.rules import Stop, Wish
from services.invitations.domain.states import Origin
from services.invitations.service.desk import Desk
from services.invitations.service.invite import Order, invite
from services.invitations.storage import bulk, bulk_items, selection
from services.invitations.storage.bulk_items import Item
from shared.runtime.database import Transaction
from shared.runtime.outbox import Lane

OUTCOME_PATIENCE = timedelta(hours=6)
"""A message whose outcome is lost (a dead letter, a restored database) holds its place no longer than that."""


async def find_unlisted(tx: Transaction) -> list[Run]:
    """Runs that wait for their list of parents."""
    return await bulk.find_selecting(tx)


async def list_parents(tx: Transaction, bulk_id: UUID, missing: int, note: str | None) -> None:
    """List the parents of a run that waits for it; `missing` more are on the roster and have not arrived.

    Only for a run about everyone are they known to be selected; elsewhere the note has to do.
    """
    run = await bulk.claim_selecting(tx, bulk_id)
    if run is None:
        return
    await selection.list_items(tx, run)
    unknown = await selection.count_unknown(tx, run.school_id, run.selection)
    await bulk.mark_selected(tx, run, unknown + (missing if run.selection.everyone else 0), note)


async def expand(tx: Transaction, desk: Desk, *, batch_size: int, outstanding_limit: int) -> int | None:
    """Send the next batch of the run whose turn it is; how many outcomes to wait for before there is room for another.

    0: there may be more to do at once. None: there is nothing to send. It waits for room for half a batch: a batch of a
    few costs as much as a full one. The items are locked by this transaction alone, which also writes what is sent, so
    that a kill undoes or keeps both.
    """
    if not await bulk.claim_pacing(tx):
        return None
    since = tx.now - OUTCOME_PATIENCE
    room = outstanding_limit - await bulk_items.count_outstanding(tx, outstanding_limit, since)
    lacking = (min(batch_size, outstanding_limit) + 1) // 2 - room
    if lacking > 0:
        return lacking
    run = await bulk.claim_next(tx)
    if run is None:
        return None
    parent_ids = await bulk_items.claim_items(tx, run, min(room, batch_size))
    if not parent_ids:
        await bulk.move(tx, run, RunState.DONE)
        return 0
    await bulk_items.save_items(tx, run, await _send(tx, desk, run, parent_ids))
    await bulk.touch(tx, run)
    return 0


async def _send(tx: Transaction, desk: Desk, run: Run, parent_ids: list[UUID]) -> list[Item]:
    wish = Wish(Origin.BULK, run.channel)
    orders = [Order(run.school_id, parent_id, wish, run.actor) for parent_id in parent_ids]
    results = await invite(tx, desk, orders, Lane.BULK)
    return [_item(parent_id, results[parent_id]) for parent_id in parent_ids]


def _item(parent_id: UUID, result: Invitation | Stop) -> Item:
    if isinstance(result, Stop):
        return Item(parent_id, "skipped", result.hindrance.value)
    return Item(parent_id, "messaged", None, result.message_id, held=result.send_at is not None)
