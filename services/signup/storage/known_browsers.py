"""Browsers in which an account has signed in before, by the digests of their cookies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_IS_KNOWN = text(
    """
    SELECT EXISTS (SELECT FROM known_browsers JOIN accounts USING (account_id)
                    WHERE browser_digest = :digest AND username_key = :key AND expires_at > :now)
    """
)
_EXISTS = text(
    "SELECT EXISTS (SELECT FROM known_browsers WHERE browser_digest = :digest AND expires_at > :now)"
)
_SAVE = text(
    """
    INSERT INTO known_browsers (browser_digest, account_id, created_at, expires_at)
    VALUES (:digest, :account_id, :now, :expires_at)
    ON CONFLICT (browser_digest, account_id) DO UPDATE SET expires_at = excluded.expires_at
    """
)
_DELETE_EXPIRED = text("DELETE FROM known_browsers WHERE expires_at <= :now")


async def is_known_browser(tx: Transaction, browser_digest: str, username_key: str) -> bool:
    """Return whether the account with this username has signed in with this browser before."""
    values = {"digest": browser_digest, "key": username_key, "now": tx.now}
    return bool(await tx.scalar(_IS_KNOWN, values))


async def exists(tx: Transaction, browser_digest: str) -> bool:
    """Return whether any account has signed in with this browser before."""
    return bool(await tx.scalar(_EXISTS, {"digest": browser_digest, "now": tx.now}))


async def save_known_browser(
    tx: Transaction, browser_digest: str, account_id: UUID, expires_at: datetime
) -> None:
    """Save that the account has signed in with this browser."""
    values = {"digest": browser_digest, "account_id": account_id, "now": tx.now, "expires_at": expires_at}
    await tx.execute(_SAVE, values)


async def delete_expired_browsers(tx: Transaction) -> None:
    """Delete the browsers that have expired by the transaction's `now`."""
    await tx.execute(_DELETE_EXPIRED, {"now": tx.now})
