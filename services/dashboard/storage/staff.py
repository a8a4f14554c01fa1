"""Tables `staff` and `staff_roles`: accounts of staff with their roles."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, cast, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.domain.staff import Role, Staff
from services.dashboard.storage.notify import notify_staff
from services.dashboard.storage.staff_sessions import delete_sessions
from services.dashboard.storage.tables import staff, staff_roles, staff_sessions
from shared.runtime.database import Transaction

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('dashboard.staff', 0))")
_ROLES = (
    select(func.json_object_agg(func.coalesce(cast(staff_roles.c.school_id, Text), ""), staff_roles.c.role))
    .where(staff_roles.c.staff_id == staff.c.staff_id)
    .scalar_subquery()
    .label("roles")
)
_STAFF_COLUMNS = (staff.c.staff_id, staff.c.email, _ROLES)
_IS_ACTIVE = staff.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class Account:
    """Account of a member of staff with the stored argon2id hash."""

    staff: Staff
    password_hash: str = field(repr=False)


async def find_account(tx: Transaction, email: str) -> Account | None:
    """Return the active account of a normalised e-mail address, or None."""
    query = select(*_STAFF_COLUMNS, staff.c.password_hash).where(staff.c.email == email, _IS_ACTIVE)
    row = await tx.row(query)
    return Account(_staff_from_row(row), row.password_hash) if row else None


async def find_session_staff(tx: Transaction, digest: str) -> Staff | None:
    """Return the member of staff of an unexpired session, or None."""
    row = await tx.row(
        select(*_STAFF_COLUMNS)
        .join(staff_sessions, staff_sessions.c.staff_id == staff.c.staff_id)
        .where(staff_sessions.c.digest == digest, staff_sessions.c.expires_at > tx.now, _IS_ACTIVE)
    )
    return _staff_from_row(row) if row else None


async def save_account(tx: Transaction, member: Staff, password_hash: str) -> Staff:
    """Create the account, or give the account of this address these roles and this password, and return it.

    An ended account becomes active again. Sessions under the old password end.
    """
    values = {"staff_id": member.staff_id, "email": member.email, "password_hash": password_hash}
    statement = insert(staff).values(created_at=tx.now, **values)
    changes = {"password_hash": password_hash, "ended_at": None}
    saved = statement.on_conflict_do_update(index_elements=["email"], set_=changes).returning(
        staff.c.staff_id
    )
    staff_id = (await tx.execute(saved)).scalar_one()
    member = replace(member, staff_id=staff_id)
    await save_roles(tx, member)
    await delete_sessions(tx, staff_id)
    return member


async def save_roles(tx: Transaction, member: Staff) -> None:
    """Replace the roles of the account and have every open page check its permission again."""
    await tx.execute(delete(staff_roles).where(staff_roles.c.staff_id == member.staff_id))
    rows = [
        {"staff_id": member.staff_id, "school_id": school_id, "role": role.value}
        for school_id, role in member.roles.items()
    ]
    await tx.execute(insert(staff_roles), rows)
    await notify_staff(tx)


async def save_password(tx: Transaction, staff_id: UUID, password_hash: str) -> None:
    """Save a new password and end every session of the account."""
    await tx.execute(update(staff).where(staff.c.staff_id == staff_id).values(password_hash=password_hash))
    await delete_sessions(tx, staff_id)


async def end_account(tx: Transaction, staff_id: UUID) -> None:
    """End the account with its roles and sessions. The address stays, so that past actions keep their name."""
    await tx.execute(update(staff).where(staff.c.staff_id == staff_id).values(ended_at=tx.now))
    await tx.execute(delete(staff_roles).where(staff_roles.c.staff_id == staff_id))
    await delete_sessions(tx, staff_id)


async def claim_all_staff(tx: Transaction) -> list[Staff]:
    """Return all active staff by e-mail address, locked against changes by other transactions."""
    await tx.execute(_LOCK)
    rows = await tx.rows(select(*_STAFF_COLUMNS).where(_IS_ACTIVE).order_by(staff.c.email))
    return [_staff_from_row(row) for row in rows]


async def find_emails(tx: Transaction, staff_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the e-mail addresses of staff by id, also of ended accounts."""
    if not staff_ids:
        return {}
    rows = await tx.rows(select(staff.c.staff_id, staff.c.email).where(staff.c.staff_id.in_(list(staff_ids))))
    return {row.staff_id: row.email for row in rows}


def _staff_from_row(row: Row[Any]) -> Staff:
    """Convert a row of `_STAFF_COLUMNS`."""
    roles = {UUID(school) if school else None: Role(role) for school, role in (row.roles or {}).items()}
    return Staff(row.staff_id, row.email, roles)
