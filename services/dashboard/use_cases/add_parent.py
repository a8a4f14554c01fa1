"""Add a parent to a student, and invite the parent at once if that is wanted (P8-P10, P16)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.dashboard.clients.http import Caller, require_school
from services.dashboard.clients.roster import RosterClient
from services.dashboard.use_cases.wait_for_projection import wait_for_projection
from services.dashboard.views.projection_state import count_listed_parents
from shared.runtime.database import Database, Transaction


async def add_parent(
    database: Database,
    roster: RosterClient,
    caller: Caller,
    student_id: UUID,
    parent: dict[str, Any],
    *,
    invite: bool,
    key: str,
) -> None:
    """Add the parent and wait until the student has one more. The same `key` adds it once. Raises ServiceError."""
    school_id = require_school(caller)
    async with database.transaction(schools=[school_id]) as tx:
        count_before = await count_listed_parents(tx, school_id, student_id)
    await roster.add_parent(caller, student_id, parent, invite=invite, key=key)

    async def has_more_parents(tx: Transaction) -> bool:
        return await count_listed_parents(tx, school_id, student_id) > count_before

    await wait_for_projection(database, school_id, has_more_parents)
