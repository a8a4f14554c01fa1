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
from services.invitations.storage import bulk, bulk_items, bulk_pace, selection
from services.invitations.storage.bulk_items import Item
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

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


async def list_arrived(tx: Transaction, bulk_id: UUID) -> int:
    """List who is here already of a run about everyone, while others are on their way; how many were new.

    Whom a filter means is asked once, when all are here: the run itself changes what it asks for.
    """
    run = await bulk.claim_selecting(tx, bulk_id)
    return 0 if run is None or not run.selection.everyone else await selection.list_items(tx, run)


async def expand(tx: Transaction, desk: Desk, *, batch_size: int, outstanding_limit: int) -> int | None:
    """Send the next batch of the run whose turn it is; how many outcomes to wait for before there is room for another.

    0: there may be more to do at once. None: there is nothing to send. It waits for room for a whole batch: one of a
    few costs as much as a full one. The items are locked by this transaction alone, which also writes what is sent, so
    that a kill undoes or keeps both.
    """
    if not await bulk_pace.claim_pacing(tx):
        return None
    since = tx.now - OUTCOME_PATIENCE
    lacking = (
        min(batch_size, outstanding_limit) + await bulk_pace.count_outstanding(tx, since) - outstanding_limit
    )
    if lacking > 0:
        return lacking
    run = await bulk.claim_next(tx)
    if run is None:
        return None
    parent_ids = await bulk_items.claim_items(tx, run, min(outstanding_limit, batch_size))
    if not parent_ids:
        if run.selected_at is None:
            return None
        await bulk.move(tx, run, RunState.DONE)
        return 0
    items = await _send(tx, desk, run, parent_ids)
    await bulk_items.save_items(tx, items)
    awaited = sum(item.state == "messaged" and not item.held for item in items)
    await bulk_pace.touch(tx, run, parent_ids[-1], awaited, since)
    return 0


async def _send(tx: Transaction, desk: Desk, run: Run, parent_ids: list[UUID]) -> list[Item]:
    wish = Wish(Origin.BULK, run.channel)
    orders = [Order(run.school_id, parent_id, wish, run.actor) for parent_id in parent_ids]
    results = await invite(tx, desk, orders, Lane.BULK)
    return [_item(run.bulk_id, parent_id, results[parent_id]) for parent_id in parent_ids]


def _item(bulk_id: UUID, parent_id: UUID, result: Invitation | Stop) -> Item:
    if isinstance(result, Stop):
        return Item(bulk_id, parent_id, "skipped", result.hindrance.value)
    return Item(bulk_id, parent_id, "messaged", None, result.message_id, held=result.send_at is not None)
