"""Routes of single invitations."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse

from services.invitations import views
from services.invitations.domain.models import Invitation, Origin
from services.invitations.domain.rules import NOT_KNOWN_YET, Invitee, InviteRequest
from services.invitations.http.context import AppContext, KnownSchool
from services.invitations.http.problems import (
    check_channel,
    invitation_denied,
    invitation_not_found,
    parent_not_found,
)
from services.invitations.http.schemas import InviteBody
from services.invitations.use_cases.invite import InviteCommand, claim_invitee, invite_one
from services.invitations.use_cases.withdraw import withdraw
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.database import Transaction
from shared.runtime.web import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Problem,
    ReadInvitations,
    WriteInvitations,
    decode_cursor,
    encode_cursor,
    find_stored_response,
    keyed_request,
    store_response,
)
from shared.runtime.web import page_body as page_of

ROOT = "/invitations/v1/schools/{school_id}/invitations"
router = APIRouter(tags=["invitations"])
IdempotencyKey = Annotated[str | None, Header()]


@router.post(ROOT, status_code=202, summary="Invite or re-invite a parent")
async def post_invitation(
    school_id: UUID,
    body: InviteBody,
    caller: WriteInvitations,
    context: AppContext,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Invite a parent, or invite one again, which replaces the link and starts its validity period anew.

    A parent who was added just now is awaited for two seconds, then answered 409 `not_known_yet` with Retry-After. A
    re-invitation is accepted at once after a first invitation, then once a minute; the timeline notes if it repeats a
    message within 24 hours.
    """
    check_channel(body.channel, context.settings.usable_channels)
    content = body.model_dump(mode="json", exclude={"idempotency_key"})
    request = keyed_request(
        caller, f"POST {ROOT} {school_id}", idempotency_key, body.idempotency_key, content
    )
    invite_request = InviteRequest(Origin.STAFF, body.channel, body.contact_id, body.override_reason)
    command = InviteCommand(school_id, body.parent_id, invite_request, caller.actor)

    async def attempt(tx: Transaction, invitee: Invitee | None) -> JSONResponse | None:
        earlier = await find_stored_response(tx, request) if request else None
        if earlier is not None:
            return JSONResponse(earlier.body, earlier.status)
        result = await invite_one(tx, context.policy, command, invitee)
        if invitee is None or result == NOT_KNOWN_YET:
            return None
        if not isinstance(result, Invitation):
            raise invitation_denied(result, contact_named=body.contact_id is not None)
        rendered = views.render(result, invitee.school.timezone)
        if request:
            await store_response(tx, request, 202, rendered)
        return JSONResponse(rendered, 202)

    response = await context.poll(school_id, claim_invitee(command), attempt)
    if response is None:
        raise invitation_denied(NOT_KNOWN_YET, contact_named=body.contact_id is not None)
    return response


@router.get(ROOT, summary="List invitations")
async def list_invitations(
    school_id: KnownSchool,
    caller: ReadInvitations,
    context: AppContext,
    status: InvitationStatus | None = None,
    delivery: Delivery | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """List the parents who were ever invited, the first invited first."""
    after = read_cursor(cursor)
    async with context.database.transaction(schools=[school_id]) as tx:
        items, following = await views.list_invitations(
            tx, school_id, after=after, limit=limit, status=status, delivery=delivery
        )
    return page_of(items, encode_cursor(str(following)) if following else None)


@router.get(ROOT + "/{parent_id}", summary="Show a parent's invitation with its timeline")
async def get_invitation(
    school_id: UUID,
    parent_id: UUID,
    caller: ReadInvitations,
    context: AppContext,
) -> dict[str, Any]:
    """Show a parent's invitation; a parent of this school who was never invited has status `not_invited`."""
    async with context.database.transaction(schools=[school_id]) as tx:
        rendered = await views.find_invitation(tx, school_id, parent_id)
    if rendered is None:
        raise parent_not_found()
    return rendered


@router.delete(ROOT + "/{parent_id}", summary="Withdraw a parent's invitation")
async def delete_invitation(
    school_id: UUID, parent_id: UUID, caller: WriteInvitations, context: AppContext
) -> dict[str, Any]:
    """Withdraw the invitation; its link stops working at once.

    Withdrawing it again changes nothing. One that is signed up, expired or blocked is answered 409.
    """
    async with context.database.transaction(schools=[school_id]) as tx:
        invitation = await withdraw(tx, school_id, parent_id, caller.actor)
        timezone = await views.find_timezone(tx, school_id)
    if invitation is None:
        raise invitation_not_found()
    if invitation.status is not InvitationStatus.WITHDRAWN:
        detail = f"The invitation is {invitation.status.value}; there is nothing to withdraw."
        raise Problem(409, "nothing_to_withdraw", detail)
    return views.render(invitation, timezone)


def read_cursor(cursor: str | None) -> UUID:
    """Return the id in a cursor, or the lowest id without one. Raises Problem 400 for a malformed cursor."""
    if cursor is None:
        return UUID(int=0)
    (text,) = decode_cursor(cursor, str)
    try:
        return UUID(text)
    except ValueError:
        raise Problem(400, "bad_cursor", "Use the cursor of the previous page.", field="cursor") from None
