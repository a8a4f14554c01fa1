"""Sessions of signed-in parents, by the digests of their cookies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_INSERT = text(
    """
    INSERT INTO sessions (session_digest, account_id, created_at, expires_at)
    VALUES (:digest, :account_id, :now, :expires_at)
    """
)
_FIND_ACCOUNT = text("SELECT account_id FROM sessions WHERE session_digest = :digest AND expires_at > :now")
_DELETE = text("DELETE FROM sessions WHERE session_digest = :digest")
_DELETE_EXPIRED = text("DELETE FROM sessions WHERE expires_at <= :now")


async def insert_session(
    tx: Transaction, session_digest: str, account_id: UUID, expires_at: datetime
) -> None:
    """Insert a session. `session_digest` is the SHA-256 (hex) of its cookie."""
    values = {"digest": session_digest, "account_id": account_id, "now": tx.now, "expires_at": expires_at}
    await tx.execute(_INSERT, values)


async def find_session_account(tx: Transaction, session_digest: str) -> UUID | None:
    """Return the id of the account that is signed in with this session, or None if there is none or it has expired."""
    account_id: UUID | None = await tx.scalar(_FIND_ACCOUNT, {"digest": session_digest, "now": tx.now})
    return account_id


async def delete_session(tx: Transaction, session_digest: str) -> None:
    """Delete the session."""
    await tx.execute(_DELETE, {"digest": session_digest})


async def delete_expired_sessions(tx: Transaction) -> None:
    """Delete the sessions that have expired by the transaction's `now`."""
    await tx.execute(_DELETE_EXPIRED, {"now": tx.now})
