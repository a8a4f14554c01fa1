"""Invitations that the roster requests for parents who may not have arrived in this service yet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.invitations.domain.models import InvitationPolicy, Origin, PendingInvitation
from services.invitations.domain.rules import InviteRequest
from services.invitations.storage import pending_requests
from services.invitations.use_cases.invite import InviteCommand, invite
from shared.runtime.database import Transaction


async def request_invitations(
    tx: Transaction, policy: InvitationPolicy, requests: Sequence[PendingInvitation]
) -> None:
    """Invite the parents who have arrived with their school, and store the requests of the others."""
    latest = {request.parent_id: request for request in requests}
    await pending_requests.save(tx, latest.values())
    await invite_pending(tx, policy, await pending_requests.take(tx, parent_ids=latest))


async def retry_pending_requests(
    tx: Transaction, policy: InvitationPolicy, limit: int, claimed: list[UUID]
) -> bool:
    """Invite up to `limit` parents whose request was not taken although nothing is missing; True if more may be left.

    That happens when two workers save the request and the last missing replica at the same time: neither sees the
    other's row. Adds the claimed parents to `claimed`.
    """
    parent_ids = await pending_requests.claim_ready_parents(tx, limit)
    claimed += parent_ids
    if parent_ids:
        await invite_pending(tx, policy, await pending_requests.take(tx, parent_ids=parent_ids))
    return len(parent_ids) == limit


async def invite_pending(
    tx: Transaction, policy: InvitationPolicy, requests: Sequence[PendingInvitation]
) -> None:
    """Invite the parents of requests that were taken from storage."""
    commands = [
        InviteCommand(
            request.school_id,
            request.parent_id,
            InviteRequest(Origin.ADDED, request.channel, request.contact_id),
            request.actor,
        )
        for request in requests
    ]
    await invite(tx, policy, commands)
