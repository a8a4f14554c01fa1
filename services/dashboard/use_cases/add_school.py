"""Add a school: roster registers it, and the projection shows it a moment later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.dashboard.clients.http import Caller
from services.dashboard.clients.roster import RosterClient
from services.dashboard.use_cases.wait_for_projection import wait_for_projection
from services.dashboard.views.projection_state import is_school_registered
from shared.runtime.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class AddedSchool:
    """New school; `visible` is False if the projection does not have it yet."""

    school_id: UUID
    visible: bool


async def add_school(
    database: Database, roster: RosterClient, caller: Caller, school: dict[str, Any], key: str
) -> AddedSchool:
    """Add the school and wait until the projection has it. The same `key` adds it once. Raises ServiceError."""
    school_id = await roster.add_school(caller, school, key)

    async def is_visible(tx: Transaction) -> bool:
        return await is_school_registered(tx, school_id)

    return AddedSchool(school_id, await wait_for_projection(database, school_id, is_visible))
