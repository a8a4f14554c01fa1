"""Creation, preview and control of bulk runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.invitations.domain.bulk import (
    BulkProgress,
    BulkRun,
    Control,
    RunState,
    Selection,
    add_not_known_yet,
    apply_control,
)
from services.invitations.domain.models import InvitationPolicy, Origin
from services.invitations.domain.rules import NOT_KNOWN_YET, Denied, InviteRequest, decide
from services.invitations.storage import bulk_items, bulk_runs, invitations
from shared.contracts.values import Channel
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.web import Problem

CHANGES_CHANNEL = bulk_runs.CHANGES_CHANNEL
_PAGE_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """Request to start a bulk run. `body_digest` recognises another body under the same idempotency key."""

    selection: Selection
    channel: Channel
    not_before: datetime | None = None
    idempotency_key: str | None = None
    body_digest: str = ""
    actor: str | None = None


async def create_bulk_run(tx: Transaction, school_id: UUID, request: BulkRequest) -> BulkRun:
    """Create a run, or return the one that the same idempotency key created before.

    Raises Problem 422 if the key came with another body.
    """
    run = BulkRun(
        bulk_id=new_id(),
        school_id=school_id,
        state=RunState.SELECTING,
        channel=request.channel,
        selection=request.selection,
        created_at=tx.now,
        body_digest=request.body_digest,
        idempotency_key=request.idempotency_key,
        actor=request.actor,
        not_before=request.not_before,
    )
    if await bulk_runs.create(tx, run):
        await bulk_runs.notify_workers(tx)
        return run
    earlier = await bulk_runs.find_by_key(tx, school_id, run.idempotency_key or "")
    if earlier is None:
        raise Problem(409, "request_in_flight", "A request with this key is being worked on.")
    if earlier.body_digest != run.body_digest:
        raise Problem(
            422, "idempotency_key_reused", "This key was used with another body.", field="idempotency_key"
        )
    return earlier


async def control_bulk_run(
    tx: Transaction, school_id: UUID, bulk_id: UUID, control: Control
) -> BulkRun | None:
    """Pause, resume or cancel a run; None if it does not exist. Raises Problem 409 if the run has ended."""
    run = await bulk_runs.claim(tx, school_id, bulk_id)
    if run is None:
        return None
    state = apply_control(run, control)
    if state is None:
        raise Problem(
            409, "run_has_ended", f"This run is {run.state.value}; there is nothing to {control.value}."
        )
    if state is not run.state:
        await bulk_runs.set_state(tx, run, state)
        await bulk_runs.notify_workers(tx)
    return replace(run, state=state)


async def preview_bulk_run(
    tx: Transaction, policy: InvitationPolicy, school_id: UUID, selection: Selection, channel: Channel
) -> BulkProgress:
    """Return what a run would do now; `messaged` counts the parents who would get a message. Changes nothing."""
    request = InviteRequest(Origin.BULK, channel)
    skipped: Counter[str] = Counter()
    messaged, after, is_last = 0, bulk_items.FIRST, False
    while not is_last:
        parent_ids = await bulk_items.list_selected(tx, school_id, selection, after, _PAGE_SIZE)
        invitees = await invitations.find_invitees(tx, parent_ids)
        for parent_id in parent_ids:
            invitee = invitees.get(parent_id)
            decision = decide(invitee, request, policy.limits, tx.now) if invitee else NOT_KNOWN_YET
            if isinstance(decision, Denied):
                skipped[decision.reason.value] += 1
            else:
                messaged += 1
        is_last = len(parent_ids) < _PAGE_SIZE
        after = parent_ids[-1] if parent_ids else after
    not_arrived = await bulk_items.count_not_arrived(tx, school_id, selection)
    return BulkProgress(messaged=messaged, skipped=add_not_known_yet(skipped, not_arrived))
