"""Builders of test data: members of staff with generated passwords."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.dashboard.domain.staff import Role, Schools, Staff, assign_role
from services.dashboard.use_cases.staff_admin import add_staff_member
from shared.runtime.database import Database


@dataclass(frozen=True)
class Member:
    """Member of staff with the password of the account."""

    staff: Staff
    password: str

    @property
    def staff_id(self) -> UUID:
        """Id of the account."""
        return self.staff.staff_id


async def add_member(database: Database, email: str, role: Role, schools: Schools = None) -> Member:
    """Add a member with one role in the schools (None: in every school), as the operator does."""
    access = await add_staff_member(database, None, email, assign_role(role, schools))
    assert access.password
    return Member(access.staff, access.password)
