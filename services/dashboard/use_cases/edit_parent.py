"""Edit the name and the contacts of a parent record (P17)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.dashboard.clients.http import Caller, require_school
from services.dashboard.clients.roster import RosterClient
from services.dashboard.use_cases.wait_for_projection import wait_for_projection
from services.dashboard.views.projection_state import find_parent_snapshot
from shared.runtime.database import Database, Transaction


async def edit_parent(
    database: Database, roster: RosterClient, caller: Caller, parent_id: UUID, changes: dict[str, Any]
) -> None:
    """Send the changes and, if there are any, wait until the projection shows them. Raises ServiceError."""
    school_id = require_school(caller)
    async with database.transaction(schools=[school_id]) as tx:
        before = await find_parent_snapshot(tx, school_id, parent_id)
    await roster.edit_parent(caller, parent_id, changes)

    async def is_changed(tx: Transaction) -> bool:
        after = await find_parent_snapshot(tx, school_id, parent_id)
        return after is None or before is None or after.person_version != before.person_version

    if changes:
        await wait_for_projection(database, school_id, is_changed)
