"""Replicas of the roster's schools and parents. The newest version wins, in whatever order the events arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import time
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.models import Contact, ParentReplica, School, SchoolReplica
from shared.runtime.database import ReplicaTable, Transaction

_SCHOOLS = ReplicaTable(
    "schools",
    "school_id",
    {
        "school_id": "uuid",
        "version": "bigint",
        "name": "text",
        "language": "text",
        "timezone": "text",
        "credentials_mode": "text",
        "invitation_lifetime_days": "integer",
        "reminder_days": "integer[]",
        "quiet_from": "time",
        "quiet_until": "time",
    },
)
_PARENTS = ReplicaTable(
    "parents",
    "parent_id",
    {
        "parent_id": "uuid",
        "school_id": "uuid",
        "version": "bigint",
        "name": "text",
        "language": "text",
        "has_access": "boolean",
        "removed": "boolean",
        "students": "uuid[]",
        "contacts": "jsonb",
    },
)
_COUNT = text("SELECT count(*) FROM parents WHERE school_id = :school_id AND NOT removed")


class _SchoolRow(NamedTuple):
    school_id: UUID
    version: int
    name: str
    language: str
    timezone: str
    credentials_mode: str
    invitation_lifetime_days: int
    reminder_days: Sequence[int]
    quiet_from: time
    quiet_until: time


class _ParentRow(NamedTuple):
    parent_id: UUID
    school_id: UUID
    version: int
    name: str
    language: str | None
    has_access: bool
    removed: bool
    students: Iterable[UUID]
    contacts: Sequence[Contact]


async def save_schools(tx: Transaction, replicas: Iterable[SchoolReplica]) -> None:
    """Save the newest version of each school."""
    await _SCHOOLS.save(tx, [_school_row(replica.version, replica.school) for replica in replicas])


async def save_parents(tx: Transaction, replicas: Iterable[ParentReplica]) -> set[UUID]:
    """Save the newest version of each parent and return the parents that changed. Locks them in id order."""
    return await _PARENTS.save(tx, [_parent_row(replica) for replica in replicas])


async def count_parents(tx: Transaction, school_id: UUID) -> int:
    """Return the number of the school's parents in the replica, without the removed ones."""
    return int(await tx.scalar(_COUNT, {"school_id": school_id}))


def _school_row(version: int, school: School) -> _SchoolRow:
    return _SchoolRow(
        school.school_id,
        version,
        school.name,
        school.language,
        school.timezone,
        school.credentials_mode,
        school.lifetime.days,
        [delay.days for delay in school.reminders],
        school.quiet.begin,
        school.quiet.end,
    )


def _parent_row(replica: ParentReplica) -> _ParentRow:
    parent = replica.parent
    return _ParentRow(
        parent.parent_id,
        parent.school_id,
        replica.version,
        parent.name,
        parent.language,
        parent.has_access,
        parent.removed,
        replica.students,
        parent.contacts,
    )
