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
from services.invitations.domain.bulk import Control
from services.invitations.http.answers import check_channel
from services.invitations.http.bodies import BulkBody
from services.invitations.http.invitations import IdempotencyKey, read_cursor
from services.invitations.http.office import AtOffice, KnownSchool, Office
from services.invitations.service import bulk
from services.invitations.service.catch_up import Gap, gap
from shared.runtime.web import (
    DEFAULT_LIMIT,
    Principal,
    Problem,
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
    office: AtOffice,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A run answers at once and works on its own; follow it by its `bulk_id`.

    With `dry_run` nothing is sent or kept: the answer has what a run would do, `to_message` and each skip reason.
    The same idempotency key gives the same run for ever.
    """
    check_channel(body.channel, office.settings.usable_channels)
    if body.dry_run:
        return JSONResponse(await _preview(office, school_id, body), 202)
    async with office.database.transaction(schools=[school_id]) as tx:
        run = bulk.new_run(school_id, body.select.selection(), body.channel, body.not_before, tx.now)
        key, digest = _key(caller, body, idempotency_key)
        kept = await bulk.create(
            tx, replace(run, idempotency_key=key, body_digest=digest, actor=caller.actor)
        )
        answer = await views.find_run(tx, school_id, kept.bulk_id)
    return JSONResponse(answer, 202)


def _key(caller: Principal, body: BulkBody, header: str | None) -> tuple[str | None, str]:
    """The key, in the scope of the credential, and what the body amounts to."""
    content = body.model_dump(mode="json", exclude={"idempotency_key"})
    request = keyed_request(caller, f"POST {ROOT}", header, body.idempotency_key, content)
    if request is None:
        return None, ""
    scope = hashlib.sha256(f"{request.credential}\n{request.key}".encode()).hexdigest()
    return scope, request.body_digest


async def _preview(office: Office, school_id: UUID, body: BulkBody) -> dict[str, Any]:
    chosen = body.select.selection()
    found = await _awaited_gap(office, school_id, body)
    async with office.database.transaction(schools=[school_id]) as tx:
        progress = await bulk.preview(tx, office.desk, school_id, chosen, body.channel)
    if chosen.everyone:
        progress = bulk.with_missing(progress, found.missing)
    shown = views.render_progress(replace(progress, messaged=0, pending=progress.messaged))
    return {
        "bulk_id": None,
        "state": "preview",
        "channel": body.channel.value,
        "to_message": progress.messaged,
        "note": found.note,
        **shown,
    }


async def _awaited_gap(office: Office, school_id: UUID, body: BulkBody) -> Gap:
    """Give what was added a moment ago the time to arrive; a roster that is silent is not waited for."""
    chosen = body.select.selection()
    found = await gap(office.database, office.count_parents, school_id, chosen)
    deadline = time.monotonic() + office.settings.preview_catch_up_seconds
    while found.missing and time.monotonic() < deadline:
        await asyncio.sleep(office.settings.await_poll_milliseconds / 1000)
        found = await gap(office.database, office.count_parents, school_id, chosen)
    return found


@router.get(ROOT, summary="List runs, the newest first")
async def list_bulk(
    school_id: KnownSchool,
    caller: ReadInvitations,
    office: AtOffice,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """Each with its counts."""
    before = read_cursor(cursor) if cursor else NEWEST
    async with office.database.transaction(schools=[school_id]) as tx:
        ids = await views.runs(tx, school_id, before, limit + 1)
        items = [await views.find_run(tx, school_id, bulk_id) for bulk_id in ids[:limit]]
    return page_of(items, encode_cursor(str(ids[limit - 1])) if len(ids) > limit else None)


@router.get(ROOT + "/{bulk_id}", summary="Show a run")
async def get_bulk(
    school_id: UUID,
    bulk_id: UUID,
    caller: ReadInvitations,
    office: AtOffice,
) -> dict[str, Any]:
    """At any time: selected = pending + messaged + skipped (by reason) + failed (by reason)."""
    async with office.database.transaction(schools=[school_id]) as tx:
        found = await views.find_run(tx, school_id, bulk_id)
    if found is None:
        raise _not_found()
    return found


@router.post(ROOT + "/{bulk_id}/{control}", status_code=202, summary="Pause, resume or cancel a run")
async def control_bulk(
    school_id: UUID, bulk_id: UUID, control: Control, caller: WriteInvitations, office: AtOffice
) -> JSONResponse:
    """Messages that are out stay out. Cancelling skips the rest with the reason `cancelled`."""
    async with office.database.transaction(schools=[school_id]) as tx:
        run = await bulk.control(tx, school_id, bulk_id, control)
        answer = await views.find_run(tx, school_id, bulk_id)
    if run is None:
        raise _not_found()
    return JSONResponse(answer, 202)


def _not_found() -> Problem:
    return Problem(404, "bulk_not_found", "There is no such run in this school.", field="bulk_id")
