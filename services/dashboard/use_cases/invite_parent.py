"""Invite one parent, for the first time or again (P7, P11, C10, C11)."""

from __future__ import annotations

from uuid import UUID

from services.dashboard.clients.http import Caller, require_school
from services.dashboard.clients.invitations import InvitationsClient
from services.dashboard.domain.status import needs_confirmation
from services.dashboard.use_cases.wait_for_projection import wait_for_projection
from services.dashboard.views.projection_state import find_parent_snapshot
from shared.runtime.database import Database, Transaction


class ConfirmationNeeded(Exception):
    """The last invitation is less than a day old, and staff have not confirmed that they want a new one."""


async def invite_parent(
    database: Database,
    invitations: InvitationsClient,
    caller: Caller,
    parent_id: UUID,
    channel: str,
    *,
    confirmed: bool,
) -> None:
    """Request the invitation and wait until the projection shows its message.

    Raises ConfirmationNeeded, unless `confirmed`, and ServiceError.
    """
    school_id = require_school(caller)
    async with database.transaction(schools=[school_id]) as tx:
        before = await find_parent_snapshot(tx, school_id, parent_id)
    last_invited_at = before.last_invited_at if before else None
    if not confirmed and needs_confirmation(last_invited_at, tx.now):
        raise ConfirmationNeeded
    await invitations.invite(caller, parent_id, channel)

    async def is_invited(tx: Transaction) -> bool:
        after = await find_parent_snapshot(tx, school_id, parent_id)
        return after is None or after.last_invited_at != last_invited_at

    await wait_for_projection(database, school_id, is_invited)
