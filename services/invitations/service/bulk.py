"""Bulk runs: made, previewed, paused, resumed, cancelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.invitations.domain.bulk import (
    Control,
    Progress,
    Run,
    RunState,
    Selection,
    controlled,
    with_unknown,
)
from services.invitations.domain.rules import Go, Stop, Wish, decide
from services.invitations.domain.states import Channel, Hindrance, Origin
from services.invitations.service.desk import Desk
from services.invitations.service.invite import find_families
from services.invitations.storage import bulk, selection
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.web import Problem

RUNS = bulk.RUNS
_FIRST = UUID(int=0)
_PAGE = 2_000


def new_run(
    school_id: UUID, chosen: Selection, channel: Channel, not_before: datetime | None, now: datetime
) -> Run:
    """A run that has not listed its parents yet."""
    return Run(
        bulk_id=new_id(),
        school_id=school_id,
        state=RunState.SELECTING,
        channel=channel,
        selection=chosen,
        created_at=now,
        body_digest="",
        not_before=not_before,
    )


async def create(tx: Transaction, run: Run) -> Run:
    """Keep the run, or find the one that the same key made before; one key makes one run for ever.

    Raises Problem 422 where the key came with another body.
    """
    if await bulk.create(tx, run):
        await bulk.tell(tx)
        return run
    earlier = await bulk.find_by_key(tx, run.school_id, run.idempotency_key or "")
    if earlier is None:
        raise Problem(409, "request_in_flight", "A request with this key is being worked on.")
    if earlier.body_digest != run.body_digest:
        raise Problem(
            422, "idempotency_key_reused", "This key was used with another body.", field="idempotency_key"
        )
    return earlier


async def control(tx: Transaction, school_id: UUID, bulk_id: UUID, wanted: Control) -> Run | None:
    """Pause, resume or cancel; None for an unknown run. Raises Problem 409 where the run has ended."""
    run = await bulk.claim(tx, school_id, bulk_id)
    if run is None:
        return None
    state = controlled(run, wanted)
    if state is None:
        raise Problem(
            409, "run_has_ended", f"This run is {run.state.value}; there is nothing to {wanted.value}."
        )
    if state is not run.state:
        await bulk.move(tx, run, state)
        await bulk.tell(tx)
    return replace(run, state=state)


async def preview(
    tx: Transaction, desk: Desk, school_id: UUID, chosen: Selection, channel: Channel
) -> Progress:
    """What a run would do now: `messaged` are those who would get a message. Locks and writes nothing."""
    wish = Wish(Origin.BULK, channel)
    counts: Counter[str] = Counter()
    after, last = _FIRST, False
    while not last:
        ids = await selection.page_of(tx, school_id, chosen, after, _PAGE)
        families = await find_families(tx, ids)
        for parent_id in ids:
            family = families.get(parent_id)
            stop = Stop(Hindrance.NOT_KNOWN_YET)
            decision: Go | Stop = decide(family, wish, desk.limits, tx.now) if family else stop
            counts[decision.hindrance.value if isinstance(decision, Stop) else ""] += 1
        last = len(ids) < _PAGE
        after = ids[-1] if ids else after
    messaged = counts.pop("", 0)
    unknown = await selection.count_unknown(tx, school_id, chosen)
    return Progress(messaged=messaged, skipped=with_unknown(counts, unknown))


def with_missing(progress: Progress, missing: int) -> Progress:
    """The preview with the parents that are on the roster and have not arrived here."""
    return replace(progress, skipped=with_unknown(progress.skipped, missing))
