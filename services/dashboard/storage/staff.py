"""Staff accounts, their sessions, and the counts of wrong passwords."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.domain.staff import Brake, Role, Staff
from services.dashboard.storage.changes import tell_staff
from services.dashboard.storage.tables import staff, staff_sessions, wrong_passwords
from shared.runtime.database import Transaction

WINDOW = timedelta(minutes=10)
COLUMNS = (staff.c.staff_id, staff.c.email, staff.c.role, staff.c.school_ids)


@dataclass(frozen=True, slots=True)
class Account:
    """A member of staff with the stored argon2id hash."""

    staff: Staff
    password_hash: str = field(repr=False)


async def find_account(tx: Transaction, email: str) -> Account | None:
    """`email` folded."""
    row = await tx.row(select(*COLUMNS, staff.c.password_hash).where(staff.c.email == email))
    return Account(_staff(row), row.password_hash) if row else None


async def save_account(tx: Transaction, member: Staff, password_hash: str) -> None:
    """Create the account, or give the one with this address its role, schools and password."""
    values = {
        "staff_id": member.staff_id,
        "email": member.email,
        "role": member.role.value,
        "school_ids": None if member.school_ids is None else sorted(member.school_ids),
        "password_hash": password_hash,
    }
    kept = {name: values[name] for name in ("role", "school_ids", "password_hash")}
    statement = insert(staff).values(created_at=tx.now, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["email"], set_=kept))
    await tell_staff(tx)


async def save_password(tx: Transaction, staff_id: UUID, password_hash: str) -> None:
    """A new password ends every session of the account."""
    await tx.execute(update(staff).where(staff.c.staff_id == staff_id).values(password_hash=password_hash))
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == staff_id))
    await tell_staff(tx)


async def open_session(tx: Transaction, staff_id: UUID, digest: str, expires_at: datetime) -> None:
    """Sessions whose time is over leave with it."""
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.expires_at <= tx.now))
    values = {"digest": digest, "staff_id": staff_id, "created_at": tx.now, "expires_at": expires_at}
    await tx.execute(insert(staff_sessions).values(values))


async def find_session(tx: Transaction, digest: str) -> Staff | None:
    """The member of staff of a live session, by the database's clock."""
    row = await tx.row(
        select(*COLUMNS)
        .join(staff_sessions, staff_sessions.c.staff_id == staff.c.staff_id)
        .where(staff_sessions.c.digest == digest, staff_sessions.c.expires_at > tx.now)
    )
    return _staff(row) if row else None


async def close_session(tx: Transaction, digest: str) -> None:
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.digest == digest))
    await tell_staff(tx)


async def names_of(tx: Transaction, staff_ids: Collection[UUID]) -> dict[UUID, str]:
    """The addresses by which the office knows its own people."""
    if not staff_ids:
        return {}
    rows = await tx.rows(select(staff.c.staff_id, staff.c.email).where(staff.c.staff_id.in_(list(staff_ids))))
    return {row.staff_id: row.email for row in rows}


COUNT = text(
    """
    INSERT INTO wrong_passwords AS kept (key, window_start, failures)
    SELECT key, now(), 1 FROM unnest(CAST(:keys AS text[])) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN kept.window_start <= now() - CAST(:window AS interval) THEN 1
                        ELSE kept.failures + 1 END,
        window_start = CASE WHEN kept.window_start <= now() - CAST(:window AS interval) THEN now()
                            ELSE kept.window_start END
    RETURNING key, failures, window_start
    """
)


async def count_attempt(tx: Transaction, brakes: Sequence[Brake]) -> timedelta | None:
    """Count a guess before it is checked, so that parallel guesses cannot pass; how long to wait, or None."""
    limits = {_digest(brake.key): brake.limit for brake in brakes}
    rows = await tx.rows(COUNT, {"keys": sorted(limits), "window": WINDOW})
    waits = [row.window_start + WINDOW - tx.now for row in rows if row.failures > limits[row.key]]
    return max(waits, default=None)


async def give_back(tx: Transaction, brakes: Sequence[Brake]) -> None:
    """The password was right: this guess does not count. Old counts leave with it."""
    columns = wrong_passwords.c
    keys = [_digest(brake.key) for brake in brakes]
    statement = update(wrong_passwords).where(columns.key.in_(keys), columns.failures > 0)
    await tx.execute(statement.values(failures=columns.failures - 1))
    await tx.execute(delete(wrong_passwords).where(columns.window_start <= tx.now - WINDOW))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _staff(row: Row[Any]) -> Staff:
    schools = None if row.school_ids is None else frozenset(row.school_ids)
    return Staff(row.staff_id, row.email, Role(row.role), schools)
