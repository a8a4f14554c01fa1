"""Table `staff_sessions`: sessions of signed-in staff, found by the digest of the id that the browser holds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.storage.notify import notify_staff
from services.dashboard.storage.tables import staff, staff_sessions
from shared.runtime.database import Transaction


async def insert_session(
    tx: Transaction, staff_id: UUID, password_hash: str, digest: str, expires_at: datetime
) -> bool:
    """Insert a session and delete expired ones. Return False if the password changed or the account ended since.

    The account's row is locked in shared mode until the commit: a change of the password waits for it and then ends
    this session together with the others.
    """
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.expires_at <= tx.now))
    unchanged = select(staff.c.staff_id).where(
        staff.c.staff_id == staff_id, staff.c.password_hash == password_hash, staff.c.ended_at.is_(None)
    )
    if await tx.row(unchanged.with_for_update(read=True)) is None:
        return False
    values = {"digest": digest, "staff_id": staff_id, "created_at": tx.now, "expires_at": expires_at}
    await tx.execute(insert(staff_sessions).values(values))
    return True


async def delete_session(tx: Transaction, digest: str) -> None:
    """End one session and have every open page check its permission again."""
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.digest == digest))
    await notify_staff(tx)


async def delete_sessions(tx: Transaction, staff_id: UUID) -> None:
    """End every session of the account and have every open page check its permission again."""
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == staff_id))
    await notify_staff(tx)
