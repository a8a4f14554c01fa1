"""Withdraw the invitation of one parent; its links stop working."""

from __future__ import annotations

from uuid import UUID

from services.dashboard.clients.http import Caller, require_school
from services.dashboard.clients.invitations import InvitationsClient
from services.dashboard.use_cases.wait_for_projection import wait_for_projection
from services.dashboard.views.projection_state import find_parent_snapshot
from shared.runtime.database import Database, Transaction


async def withdraw_invitation(
    database: Database, invitations: InvitationsClient, caller: Caller, parent_id: UUID
) -> None:
    """Withdraw the invitation and wait until the projection shows another state. Raises ServiceError."""
    school_id = require_school(caller)
    async with database.transaction(schools=[school_id]) as tx:
        before = await find_parent_snapshot(tx, school_id, parent_id)
    await invitations.withdraw(caller, parent_id)

    async def is_withdrawn(tx: Transaction) -> bool:
        after = await find_parent_snapshot(tx, school_id, parent_id)
        return after is None or before is None or after.state != before.state

    await wait_for_projection(database, school_id, is_withdrawn)
