"""Routes of bulk runs."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from services.invitations import views
from services.invitations.domain.bulk import Control, Selection, add_not_known_yet
from services.invitations.http.context import AppContext, Context, KnownSchool
from services.invitations.http.invitations import IdempotencyKey, read_cursor
from services.invitations.http.problems import bulk_run_not_found, check_channel
from services.invitations.http.schemas import BulkBody
from services.invitations.use_cases.bulk_runs import (
    BulkRequest,
    control_bulk_run,
    create_bulk_run,
    preview_bulk_run,
)
from services.invitations.use_cases.replica_lag import ReplicaLag, measure_replica_lag
from shared.runtime.web import (
    DEFAULT_LIMIT,
    Principal,
    ReadInvitations,
    WriteInvitations,
    encode_cursor,
    keyed_request,
)
from shared.runtime.web import page_body as page_of

ROOT = "/invitations/v1/schools/{school_id}/bulk"
NEWEST = UUID(int=2**128 - 1)
router = APIRouter(tags=["bulk"])


@router.post(ROOT, status_code=202, summary="Invite many parents in one run, or preview it")
async def post_bulk(
    school_id: KnownSchool,
    body: BulkBody,
    caller: WriteInvitations,
    context: AppContext,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Start a bulk run, which works in the background; follow it by its `bulk_id`.

    With `dry_run` nothing is sent or stored: the response states what a run would do, with `to_message` and the count
    of each skip reason. The same idempotency key always returns the same run.
    """
    check_channel(body.channel, context.settings.usable_channels)
    if body.dry_run:
        return JSONResponse(await _preview(context, school_id, body), 202)
    key, body_digest = _scoped_key(caller, body, idempotency_key)
    request = BulkRequest(
        body.select.selection(), body.channel, body.not_before, key, body_digest, caller.actor
    )
    async with context.database.transaction(schools=[school_id]) as tx:
        run = await create_bulk_run(tx, school_id, request)
        rendered = await views.find_bulk_run(tx, school_id, run.bulk_id)
    return JSONResponse(rendered, 202)


def _scoped_key(caller: Principal, body: BulkBody, header: str | None) -> tuple[str | None, str]:
    """Return the idempotency key in the scope of the credential, and the digest of the body."""
    content = body.model_dump(mode="json", exclude={"idempotency_key"})
    request = keyed_request(caller, f"POST {ROOT}", header, body.idempotency_key, content)
    if request is None:
        return None, ""
    key = hashlib.sha256(f"{request.credential}\n{request.key}".encode()).hexdigest()
    return key, request.body_digest


async def _preview(context: Context, school_id: UUID, body: BulkBody) -> dict[str, Any]:
    selection = body.select.selection()
    lag = await _await_replica(context, school_id, selection)
    async with context.database.transaction(schools=[school_id]) as tx:
        progress = await preview_bulk_run(tx, context.policy, school_id, selection, body.channel)
    if selection.everyone:
        progress = replace(progress, skipped=add_not_known_yet(progress.skipped, lag.missing))
    counts = views.render_progress(replace(progress, messaged=0, pending=progress.messaged))
    return {
        "bulk_id": None,
        "state": "preview",
        "channel": body.channel.value,
        "to_message": progress.messaged,
        "note": lag.note,
        **counts,
    }


async def _await_replica(context: Context, school_id: UUID, selection: Selection) -> ReplicaLag:
    """Wait for missing parents, as long as the settings allow and the roster answers."""
    deadline = time.monotonic() + context.settings.preview_catch_up_seconds
    while True:
        lag = await measure_replica_lag(context.database, context.count_parents, school_id, selection)
        if not lag.missing or time.monotonic() >= deadline:
            return lag
        await asyncio.sleep(context.settings.await_poll_milliseconds / 1000)


@router.get(ROOT, summary="List runs, the newest first")
async def list_bulk(
    school_id: KnownSchool,
    caller: ReadInvitations,
    context: AppContext,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """List the bulk runs with their counts, the newest first."""
    before = read_cursor(cursor) if cursor else NEWEST
    async with context.database.transaction(schools=[school_id]) as tx:
        ids = await views.list_bulk_run_ids(tx, school_id, before, limit + 1)
        items = [await views.find_bulk_run(tx, school_id, bulk_id) for bulk_id in ids[:limit]]
    return page_of(items, encode_cursor(str(ids[limit - 1])) if len(ids) > limit else None)


@router.get(ROOT + "/{bulk_id}", summary="Show a run")
async def get_bulk(
    school_id: UUID,
    bulk_id: UUID,
    caller: ReadInvitations,
    context: AppContext,
) -> dict[str, Any]:
    """Show a bulk run. At any time, selected = pending + messaged + skipped (by reason) + failed (by reason)."""
    async with context.database.transaction(schools=[school_id]) as tx:
        rendered = await views.find_bulk_run(tx, school_id, bulk_id)
    if rendered is None:
        raise bulk_run_not_found()
    return rendered


@router.post(ROOT + "/{bulk_id}/{control}", status_code=202, summary="Pause, resume or cancel a run")
async def control_bulk(
    school_id: UUID, bulk_id: UUID, control: Control, caller: WriteInvitations, context: AppContext
) -> JSONResponse:
    """Pause, resume or cancel a bulk run. Cancelling skips the pending parents with the reason `cancelled`."""
    async with context.database.transaction(schools=[school_id]) as tx:
        run = await control_bulk_run(tx, school_id, bulk_id, control)
        rendered = await views.find_bulk_run(tx, school_id, bulk_id)
    if run is None:
        raise bulk_run_not_found()
    return JSONResponse(rendered, 202)
