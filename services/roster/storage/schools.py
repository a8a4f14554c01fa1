"""Table `schools`: reading, saving, and the lock that every change of a school's roster takes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.errors import school_not_found
from services.roster.domain.people import School
from shared.runtime.database import Transaction

LOCK_TIMEOUT_SECONDS = 10.0
_COLUMNS = """school_id, name, country, language, timezone, credentials_mode, invitation_lifetime_days, reminder_days,
    quiet_from, quiet_until, phone, email, version"""
_FIND = text(f"SELECT {_COLUMNS} FROM schools WHERE school_id = :school_id")
# One writer per school: matching reads before it writes, and concurrent writers could add one family twice.
_CLAIM = text(f"SELECT {_COLUMNS} FROM schools WHERE school_id = :school_id FOR NO KEY UPDATE")
_LIMIT_WAIT = text("SELECT set_config('lock_timeout', :timeout, true)")
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


async def get_school(tx: Transaction, school_id: UUID) -> School:
    """Return a school without locking it. Raises NotFound."""
    return _school(await tx.row(_FIND, {"school_id": school_id}))


async def claim_school(tx: Transaction, school_id: UUID, *, background: bool = False) -> School:
    """Return a school with its roster locked until the transaction ends. Raises NotFound.

    A request waits LOCK_TIMEOUT_SECONDS for another writer, such as a large import, and then fails as transient, so
    that the requests of one school cannot occupy every connection. `background` work waits as long as it takes.
    """
    if not background:
        await tx.execute(_LIMIT_WAIT, {"timeout": f"{LOCK_TIMEOUT_SECONDS * 1000:.0f}ms"})
    return _school(await tx.row(_CLAIM, {"school_id": school_id}))


async def save_school(tx: Transaction, school: School) -> None:
    """Insert a school, or replace its settings."""
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


def _school(row: Any) -> School:
    if row is None:
        raise school_not_found()
    return School(**{**row._mapping, "reminder_days": tuple(row.reminder_days)})
