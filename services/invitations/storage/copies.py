"""This service's copies of schools and parents. The highest version of the owner wins, whatever the order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Row, text

from services.invitations.domain.copies import ParentCopy, SchoolCopy
from services.invitations.domain.models import Contact, Parent, QuietHours, School
from services.invitations.storage.as_json import as_json
from shared.runtime.core import parse_uuid
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
# A parent's pupils and contacts travel as one text per row: PostgreSQL's unnest would flatten an array of arrays.
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
_SCHOOLS = text("SELECT * FROM schools WHERE school_id = ANY(CAST(:ids AS uuid[]))")
_PARENTS = (
    "SELECT * FROM parents WHERE parent_id = ANY(CAST(CAST(:ids AS text) AS uuid[])) ORDER BY parent_id"
)
_COUNT = text("SELECT count(*) FROM parents WHERE school_id = :school_id AND NOT removed")


async def save_schools(tx: Transaction, rows: Iterable[SchoolCopy]) -> None:
    """Keep the schools, one row each at most; an older version changes nothing."""
    await tx.execute(_SAVE_SCHOOLS, {"rows": as_json([_school_columns(row) for row in rows])})


async def save_parents(tx: Transaction, rows: Iterable[ParentCopy]) -> set[UUID]:
    """Keep the parents, one row each at most; locks them in id order and returns those that changed."""
    saved = await tx.rows(*_SAVE_PARENTS.bind_columns(_parent_columns(list(rows))))
    return {row.parent_id for row in saved}


async def find_schools(tx: Transaction, school_ids: Collection[UUID]) -> dict[UUID, School]:
    """The known ones of these schools."""
    rows = await tx.rows(_SCHOOLS, {"ids": list(school_ids)})
    return {row.school_id: school_from(row, row.name, row.language) for row in rows}


async def claim_parents(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Parent]:
    """Lock the known ones of these parents, in id order."""
    return _parents(await tx.rows(f"{_PARENTS} FOR UPDATE", {"ids": array_literal(parent_ids)}))


async def find_parents(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Parent]:
    """The known ones of these parents, not locked."""
    return _parents(await tx.rows(_PARENTS, {"ids": array_literal(parent_ids)}))


async def count_parents(tx: Transaction, school_id: UUID) -> int:
    """Parents of the school in this copy, removed ones left out."""
    return int(await tx.scalar(_COUNT, {"school_id": school_id}))


def _parents(rows: Sequence[Row[Any]]) -> dict[UUID, Parent]:
    return {row.parent_id: parent_from(row) for row in rows}


def parent_from(row: Row[Any]) -> Parent:
    return Parent(
        parent_id=row.parent_id,
        school_id=row.school_id,
        name=row.name,
        language=row.language,
        contacts=tuple(_contact(contact) for contact in row.contacts),
        has_access=row.has_access,
        removed=row.removed,
    )


def _contact(fields: Mapping[str, Any]) -> Contact:
    return Contact(
        contact_id=parse_uuid(fields["contact_id"]),
        kind=fields["kind"],
        address=fields["address"],
        preferred=fields["preferred"],
        verified=fields["verified"],
    )


def school_from(row: Row[Any], name: str, language: str) -> School:
    """The school of a row that may have a name and a language of its own."""
    return School(
        school_id=row.school_id,
        name=name,
        language=language,
        timezone=row.timezone,
        credentials_mode=row.credentials_mode,
        lifetime=timedelta(days=row.invitation_lifetime_days),
        reminders=tuple(timedelta(days=days) for days in row.reminder_days),
        quiet=QuietHours(row.quiet_from, row.quiet_until),
    )


def _school_columns(row: SchoolCopy) -> dict[str, Any]:
    school = row.school
    return {
        "school_id": school.school_id,
        "version": row.version,
        "name": school.name,
        "language": school.language,
        "timezone": school.timezone,
        "credentials_mode": school.credentials_mode,
        "invitation_lifetime_days": school.lifetime.days,
        "reminder_days": [delay.days for delay in school.reminders],
        "quiet_from": school.quiet.begin,
        "quiet_until": school.quiet.end,
    }


def _parent_columns(rows: Sequence[ParentCopy]) -> dict[str, Any]:
    parents = [row.parent for row in rows]
    return {
        "parent_id": [parent.parent_id for parent in parents],
        "school_id": [parent.school_id for parent in parents],
        "version": [row.version for row in rows],
        "name": [parent.name for parent in parents],
        "language": [parent.language for parent in parents],
        "has_access": [parent.has_access for parent in parents],
        "removed": [parent.removed for parent in parents],
        "students": [array_literal(row.students) for row in rows],
        "contacts": [to_json(parent.contacts).decode() for parent in parents],
    }
