"""Routes of single invitations."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse

from services.invitations import views
from services.invitations.domain.models import Invitation
from services.invitations.domain.rules import Wish
from services.invitations.domain.states import Delivery, InvitationStatus, Origin
from services.invitations.http.answers import check_channel, parent_not_found, refused
from services.invitations.http.bodies import InviteBody
from services.invitations.http.office import AtOffice, KnownSchool
from services.invitations.service.invite import UNKNOWN, Order, invite_one, opening
from services.invitations.service.withdraw import withdraw
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
    office: AtOffice,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A parent who has just been added is awaited for two seconds; then 409 `not_known_yet` with Retry-After.

    A re-invitation kills the older link and starts the week again. It is accepted at once after a first invitation,
    then once a minute; the timeline says so where it repeats a message within 24 hours.
    """
    check_channel(body.channel, office.settings.usable_channels)
    content = body.model_dump(mode="json", exclude={"idempotency_key"})
    request = keyed_request(
        caller, f"POST {ROOT} {school_id}", idempotency_key, body.idempotency_key, content
    )
    wish = Wish(Origin.STAFF, body.channel, body.contact_id, body.override_reason)
    order = Order(school_id, body.parent_id, wish, caller.actor)

    async def ask(tx: Transaction) -> JSONResponse | None:
        earlier = await find_stored_response(tx, request) if request else None
        if earlier is not None:
            return JSONResponse(earlier.body, earlier.status)
        result = await invite_one(tx, office.desk, order)
        if result == UNKNOWN:
            return None
        if not isinstance(result, Invitation):
            raise refused(result, contact_named=body.contact_id is not None)
        answer = views.render(result)
        if request:
            await store_response(tx, request, 202, answer)
        return JSONResponse(answer, 202)

    done = await office.await_answer(office.settings.await_parent_seconds, ask, school_id, opening(order))
    if done is None:
        raise refused(UNKNOWN, contact_named=body.contact_id is not None)
    return done


@router.get(ROOT, summary="List invitations")
async def list_invitations(
    school_id: KnownSchool,
    caller: ReadInvitations,
    office: AtOffice,
    status: InvitationStatus | None = None,
    delivery: Delivery | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """Parents who were ever invited, the first invited first."""
    after = read_cursor(cursor)
    async with office.database.transaction(schools=[school_id]) as tx:
        items, following = await views.page(
            tx, school_id, after=after, limit=limit, status=status, delivery=delivery
        )
    return page_of(items, encode_cursor(str(following)) if following else None)


@router.get(ROOT + "/{parent_id}", summary="Show a parent's invitation with its timeline")
async def get_invitation(
    school_id: UUID,
    parent_id: UUID,
    caller: ReadInvitations,
    office: AtOffice,
) -> dict[str, Any]:
    """A parent of this school who was never invited has status `not_invited`."""
    async with office.database.transaction(schools=[school_id]) as tx:
        found = await views.find_one(tx, school_id, parent_id)
    if found is None:
        raise parent_not_found()
    return found


@router.delete(ROOT + "/{parent_id}", summary="Withdraw a parent's invitation")
async def delete_invitation(
    school_id: UUID, parent_id: UUID, caller: WriteInvitations, office: AtOffice
) -> dict[str, Any]:
    """Its link is dead at once. Withdrawing twice is fine; what is signed up, expired or blocked stays (409)."""
    async with office.database.transaction(schools=[school_id]) as tx:
        invitation = await withdraw(tx, school_id, parent_id, caller.actor)
    if invitation is None:
        raise Problem(404, "invitation_not_found", "This parent has no invitation.", field="parent_id")
    if invitation.status is not InvitationStatus.WITHDRAWN:
        detail = f"The invitation is {invitation.status.value}; there is nothing to withdraw."
        raise Problem(409, "nothing_to_withdraw", detail)
    return views.render(invitation)


def read_cursor(cursor: str | None) -> UUID:
    """The id in a cursor, the lowest of all without one. Raises Problem 400."""
    if cursor is None:
        return UUID(int=0)
    (text,) = decode_cursor(cursor, str)
    try:
        return UUID(text)
    except ValueError:
        raise Problem(400, "bad_cursor", "Use the cursor of the previous page.", field="cursor") from None
