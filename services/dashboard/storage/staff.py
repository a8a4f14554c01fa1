"""Staff accounts, their sessions, and the counts of wrong passwords."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, cast, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.domain.staff import Brake, Role, Staff
from services.dashboard.storage.changes import tell_staff
from services.dashboard.storage.tables import staff, staff_roles, staff_sessions, wrong_passwords
from shared.runtime.database import Transaction

_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('dashboard.staff', 0))")
WINDOW = timedelta(minutes=10)
ROLES = (
    select(func.json_object_agg(func.coalesce(cast(staff_roles.c.school_id, Text), ""), staff_roles.c.role))
    .where(staff_roles.c.staff_id == staff.c.staff_id)
    .scalar_subquery()
    .label("roles")
)
COLUMNS = (staff.c.staff_id, staff.c.email, ROLES)
AT_WORK = staff.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class Account:
    """A member of staff with the stored argon2id hash."""

    staff: Staff
    password_hash: str = field(repr=False)


async def find_account(tx: Transaction, email: str) -> Account | None:
    """`email` folded; nobody who has left."""
    wanted = select(*COLUMNS, staff.c.password_hash).where(staff.c.email == email, AT_WORK)
    row = await tx.row(wanted)
    return Account(_staff(row), row.password_hash) if row else None


async def save_account(tx: Transaction, member: Staff, password_hash: str) -> Staff:
    """Create the account, or give the one with this address its roles and password, also one who had left.

    Sessions under the old password are over.
    """
    values = {"staff_id": member.staff_id, "email": member.email, "password_hash": password_hash}
    statement = insert(staff).values(created_at=tx.now, **values)
    kept = {"password_hash": password_hash, "ended_at": None}
    saved = statement.on_conflict_do_update(index_elements=["email"], set_=kept).returning(staff.c.staff_id)
    staff_id = (await tx.execute(saved)).scalar_one()
    member = replace(member, staff_id=staff_id)
    await save_roles(tx, member)
    await close_sessions(tx, staff_id)
    return member


async def save_roles(tx: Transaction, member: Staff) -> None:
    """These roles and no others; whoever is watching something is looked at again."""
    await tx.execute(delete(staff_roles).where(staff_roles.c.staff_id == member.staff_id))
    rows = [
        {"staff_id": member.staff_id, "school_id": school_id, "role": role.value}
        for school_id, role in member.roles.items()
    ]
    await tx.execute(insert(staff_roles), rows)
    await tell_staff(tx)


async def save_password(tx: Transaction, staff_id: UUID, password_hash: str) -> None:
    """A new password ends every session of the account."""
    await tx.execute(update(staff).where(staff.c.staff_id == staff_id).values(password_hash=password_hash))
    await close_sessions(tx, staff_id)


async def end_account(tx: Transaction, staff_id: UUID) -> None:
    """Nobody signs in with it any more. The address stays, so that it can be told who did something."""
    await tx.execute(update(staff).where(staff.c.staff_id == staff_id).values(ended_at=tx.now))
    await tx.execute(delete(staff_roles).where(staff_roles.c.staff_id == staff_id))
    await close_sessions(tx, staff_id)


async def close_sessions(tx: Transaction, staff_id: UUID) -> None:
    """Every session of the account is over, and with it what is open under it."""
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == staff_id))
    await tell_staff(tx)


async def hold_staff(tx: Transaction) -> list[Staff]:
    """All who work here, in the order of their addresses. Nobody else changes any of them before this is over."""
    await tx.execute(_TURN)
    rows = await tx.rows(select(*COLUMNS).where(AT_WORK).order_by(staff.c.email))
    return [_staff(row) for row in rows]


async def open_session(tx: Transaction, account: Account, digest: str, expires_at: datetime) -> bool:
    """False when the password is another by now, or the work over. Sessions whose time is over leave with it."""
    await tx.execute(delete(staff_sessions).where(staff_sessions.c.expires_at <= tx.now))
    # The row is shared until the commit: what changes it waits, and then closes this session with the others.
    same = select(staff.c.staff_id).where(
        staff.c.staff_id == account.staff.staff_id, staff.c.password_hash == account.password_hash, AT_WORK
    )
    if await tx.row(same.with_for_update(read=True)) is None:
        return False
    values = {
        "digest": digest,
        "staff_id": account.staff.staff_id,
        "created_at": tx.now,
        "expires_at": expires_at,
    }
    await tx.execute(insert(staff_sessions).values(values))
    return True


async def find_session(tx: Transaction, digest: str) -> Staff | None:
    """The member of staff of a live session, by the database's clock."""
    row = await tx.row(
        select(*COLUMNS)
        .join(staff_sessions, staff_sessions.c.staff_id == staff.c.staff_id)
        .where(staff_sessions.c.digest == digest, staff_sessions.c.expires_at > tx.now, AT_WORK)
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
    roles = {UUID(school) if school else None: Role(role) for school, role in (row.roles or {}).items()}
    return Staff(row.staff_id, row.email, roles)
