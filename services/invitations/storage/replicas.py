"""Replicas of the roster's schools and parents. The newest version wins, in whatever order the events arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text

from services.invitations.domain.models import ParentReplica, SchoolReplica
from shared.runtime.database import BatchStatement, Transaction, array_literal

_SAVE_SCHOOLS = text(
    """
    INSERT INTO schools AS s (school_id, version, name, language, timezone, credentials_mode,
                              invitation_lifetime_days, reminder_days, quiet_from, quiet_until)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        school_id uuid, version bigint, name text, language text, timezone text, credentials_mode text,
        invitation_lifetime_days integer, reminder_days integer[], quiet_from time, quiet_until time)
     ORDER BY r.school_id
    ON CONFLICT (school_id) DO UPDATE SET
        version = excluded.version, name = excluded.name, language = excluded.language,
        timezone = excluded.timezone, credentials_mode = excluded.credentials_mode,
        invitation_lifetime_days = excluded.invitation_lifetime_days, reminder_days = excluded.reminder_days,
        quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until
     WHERE s.version < excluded.version
    """
)
# The students and the contacts of a parent travel as one text per row: `unnest` would flatten an array of arrays.
_SAVE_PARENTS = BatchStatement(
    """
    INSERT INTO parents AS p ({names})
    SELECT parent_id, school_id, version, name, language, has_access, removed, CAST(students AS uuid[]),
           CAST(contacts AS jsonb)
      FROM {rows}
     ORDER BY r.parent_id
    ON CONFLICT (parent_id) DO UPDATE SET
        version = excluded.version, name = excluded.name, language = excluded.language,
        contacts = excluded.contacts, students = excluded.students, has_access = excluded.has_access,
        removed = excluded.removed
     WHERE p.version < excluded.version AND p.school_id = excluded.school_id
    RETURNING p.parent_id
    """,
    {
        "parent_id": "uuid",
        "school_id": "uuid",
        "version": "bigint",
        "name": "text",
        "language": "text",
        "has_access": "boolean",
        "removed": "boolean",
        "students": "text",
        "contacts": "text",
    },
)
_COUNT = text("SELECT count(*) FROM parents WHERE school_id = :school_id AND NOT removed")


async def save_schools(tx: Transaction, replicas: Iterable[SchoolReplica]) -> None:
    """Save schools, at most one replica of each; a version older than the stored one changes nothing."""
    rows = [_school_columns(replica) for replica in replicas]
    await tx.execute(_SAVE_SCHOOLS, {"rows": to_json(rows).decode()})


async def save_parents(tx: Transaction, replicas: Iterable[ParentReplica]) -> set[UUID]:
    """Save parents, at most one replica of each, and return those that changed. Locks them in id order."""
    rows = await tx.rows(*_SAVE_PARENTS.bind_columns(_parent_columns(list(replicas))))
    return {row.parent_id for row in rows}


async def count_parents(tx: Transaction, school_id: UUID) -> int:
    """Return the number of the school's parents in the replica, without the removed ones."""
    return int(await tx.scalar(_COUNT, {"school_id": school_id}))


def _school_columns(replica: SchoolReplica) -> dict[str, Any]:
    school = replica.school
    return {
        "school_id": school.school_id,
        "version": replica.version,
        "name": school.name,
        "language": school.language,
        "timezone": school.timezone,
        "credentials_mode": school.credentials_mode,
        "invitation_lifetime_days": school.lifetime.days,
        "reminder_days": [delay.days for delay in school.reminders],
        "quiet_from": school.quiet.begin,
        "quiet_until": school.quiet.end,
    }


def _parent_columns(replicas: Sequence[ParentReplica]) -> dict[str, Any]:
    parents = [replica.parent for replica in replicas]
    return {
        "parent_id": [parent.parent_id for parent in parents],
        "school_id": [parent.school_id for parent in parents],
        "version": [replica.version for replica in replicas],
        "name": [parent.name for parent in parents],
        "language": [parent.language for parent in parents],
        "has_access": [parent.has_access for parent in parents],
        "removed": [parent.removed for parent in parents],
        "students": [array_literal(replica.students) for replica in replicas],
        "contacts": [to_json(parent.contacts).decode() for parent in parents],
    }
