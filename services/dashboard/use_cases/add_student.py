"""Add a student, with the parents named in the same form (C1-C3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.dashboard.clients.http import Caller, require_school
from services.dashboard.clients.roster import RosterClient
from services.dashboard.use_cases.wait_for_projection import wait_for_projection
from services.dashboard.views.projection_state import is_student_listed
from shared.runtime.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class AddedStudent:
    """New student; `visible` is False if the projection does not list the student yet."""

    student_id: UUID
    visible: bool


async def add_student(
    database: Database, roster: RosterClient, caller: Caller, student: dict[str, Any], key: str
) -> AddedStudent:
    """Add the student and wait until the projection lists it. The same `key` adds it once. Raises ServiceError."""
    student_id = await roster.add_student(caller, student, key)
    school_id = require_school(caller)

    async def is_visible(tx: Transaction) -> bool:
        return await is_student_listed(tx, school_id, student_id)

    return AddedStudent(student_id, await wait_for_projection(database, school_id, is_visible))
