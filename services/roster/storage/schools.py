"""Schools: rows and the lock that every change of a school's roster takes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.contacts import Surroundings
from services.roster.domain.school import School
from shared.runtime.database import Transaction

_COLUMNS = """school_id, name, country, language, timezone, credentials_mode, invitation_lifetime_days, reminder_days,
    quiet_from, quiet_until, phone, email, version"""
_GET = text(f"SELECT {_COLUMNS} FROM schools WHERE school_id = :school_id")
# One writer per school: matching reads before it writes, and two families must never become one or the reverse.
_CLAIM = text(f"SELECT {_COLUMNS} FROM schools WHERE school_id = :school_id FOR NO KEY UPDATE")
_SAVE = text(
    f"""
    INSERT INTO schools ({_COLUMNS})
    VALUES (:school_id, :name, :country, :language, :timezone, :credentials_mode, :invitation_lifetime_days,
            CAST(:reminder_days AS integer[]), :quiet_from, :quiet_until, :phone, :email, :version)
    ON CONFLICT (school_id) DO UPDATE SET
        name = excluded.name, country = excluded.country, language = excluded.language, timezone = excluded.timezone,
        credentials_mode = excluded.credentials_mode, invitation_lifetime_days = excluded.invitation_lifetime_days,
        reminder_days = excluded.reminder_days, quiet_from = excluded.quiet_from,
        quiet_until = excluded.quiet_until, phone = excluded.phone, email = excluded.email,
        version = excluded.version
    """
)
_RELEASE = text(
    """
    UPDATE parents SET family_key = NULL
     WHERE school_id = :school_id AND family_key IS NOT NULL
       AND EXISTS (SELECT FROM contacts c
                    WHERE c.school_id = parents.school_id AND c.parent_id = parents.parent_id
                      AND c.key = ANY(CAST(:keys AS text[])))
    """
)


async def find_school(tx: Transaction, school_id: UUID) -> School | None:
    """The school, to read."""
    return _school(await tx.row(_GET, {"school_id": school_id}))


async def claim_school(tx: Transaction, school_id: UUID) -> School | None:
    """The school, locked until the transaction ends, so that its roster has one writer at a time."""
    return _school(await tx.row(_CLAIM, {"school_id": school_id}))


async def save_school(tx: Transaction, school: School) -> None:
    """Insert or replace."""
    await tx.execute(
        _SAVE,
        {
            "school_id": school.school_id,
            "name": school.name,
            "country": school.country,
            "language": school.language,
            "timezone": school.timezone,
            "credentials_mode": school.credentials_mode,
            "invitation_lifetime_days": school.invitation_lifetime_days,
            "reminder_days": list(school.reminder_days),
            "quiet_from": school.quiet_from,
            "quiet_until": school.quiet_until,
            "phone": school.phone,
            "email": school.email,
            "version": school.version,
        },
    )


async def release_own_contacts(tx: Transaction, school_id: UUID, own: Surroundings) -> None:
    """Families known by the school's own number or address are found by it no more."""
    keys = [key.casefold() for key in (own.phone, own.email) if key]
    if keys:
        await tx.execute(_RELEASE, {"school_id": school_id, "keys": keys})


def _school(row: Any) -> School | None:
    if row is None:
        return None
    return School(**{**row._mapping, "reminder_days": tuple(row.reminder_days)})
