"""Accounts, memberships and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.accounts import NewAccount, Submission
from shared.runtime.database import Transaction

_RESERVE = text(
    """
    INSERT INTO accounts (account_id, username, username_key, password_hash, state, created_at)
    VALUES (:account_id, :username, :username_key, :password_hash, 'pending', :now)
    ON CONFLICT (username_key) DO NOTHING
    RETURNING account_id
    """
)
_ACTIVATE = text(
    "UPDATE accounts SET state = 'active', activated_at = :now WHERE account_id = ANY(CAST(:account_ids AS uuid[]))"
)
_JOIN_SCHOOL = text(
    """
    INSERT INTO memberships (account_id, school_id, parent_id, invitation_id, signed_up_at)
    SELECT account_id, school_id, parent_id, invitation_id, :now
      FROM unnest(CAST(:account_ids AS uuid[]), CAST(:school_ids AS uuid[]), CAST(:parent_ids AS uuid[]),
                  CAST(:invitation_ids AS uuid[])) AS row (account_id, school_id, parent_id, invitation_id)
    ON CONFLICT DO NOTHING
    """
)
_RELEASE = text(
    "DELETE FROM accounts WHERE account_id = ANY(CAST(:account_ids AS uuid[])) AND state = 'pending'"
)
_FIND = text(
    "SELECT account_id, username, username_key, password_hash FROM accounts WHERE account_id = :account_id"
)
_FIND_ACTIVE = text(
    "SELECT account_id, password_hash FROM accounts WHERE username_key = :key AND state = 'active'"
)
_OPEN_SESSION = text(
    """
    INSERT INTO sessions (session_digest, account_id, created_at, expires_at)
    VALUES (:digest, :account_id, :now, :until)
    """
)
_FIND_SESSION = text("SELECT account_id FROM sessions WHERE session_digest = :digest AND expires_at > :now")
_CLOSE_SESSION = text("DELETE FROM sessions WHERE session_digest = :digest")
_FORGET_SESSIONS = text("DELETE FROM sessions WHERE expires_at <= :now")


async def reserve(transaction: Transaction, account: NewAccount) -> bool:
    """Write the pending account; False when its username is taken or reserved."""
    values = {
        "account_id": account.account_id,
        "username": account.username,
        "username_key": account.username_key,
        "password_hash": account.password_hash,
        "now": transaction.now,
    }
    return await transaction.scalar(_RESERVE, values) is not None


async def activate(transaction: Transaction, accepted: Sequence[Submission]) -> None:
    """The reserved accounts of these submissions are open, and each belongs to its school."""
    account_ids = [submission.account_id for submission in accepted]
    await transaction.execute(_ACTIVATE, {"account_ids": account_ids, "now": transaction.now})
    await transaction.execute(
        _JOIN_SCHOOL,
        {
            "account_ids": account_ids,
            "school_ids": [submission.school_id for submission in accepted],
            "parent_ids": [submission.parent_id for submission in accepted],
            "invitation_ids": [submission.invitation_id for submission in accepted],
            "now": transaction.now,
        },
    )


async def release(transaction: Transaction, refused: Sequence[Submission]) -> None:
    """The usernames that these submissions had reserved are free again."""
    account_ids = [submission.account_id for submission in refused if submission.account_id is not None]
    if account_ids:
        await transaction.execute(_RELEASE, {"account_ids": account_ids})


async def find_account(transaction: Transaction, account_id: UUID) -> NewAccount | None:
    """The account as it was reserved, or None when it was released."""
    row = await transaction.row(_FIND, {"account_id": account_id})
    return None if row is None else NewAccount(**row._asdict())


async def find_credentials(transaction: Transaction, username_key: str) -> tuple[UUID, str] | None:
    """(account_id, password hash) of the open account of this username, or None."""
    row = await transaction.row(_FIND_ACTIVE, {"key": username_key})
    return None if row is None else (row.account_id, row.password_hash)


async def open_session(transaction: Transaction, digest: str, account_id: UUID, until: datetime) -> None:
    """A session, known by the SHA-256 of its cookie."""
    values = {"digest": digest, "account_id": account_id, "now": transaction.now, "until": until}
    await transaction.execute(_OPEN_SESSION, values)


async def find_session(transaction: Transaction, digest: str) -> UUID | None:
    """The account that is signed in with this session, or None."""
    found: UUID | None = await transaction.scalar(_FIND_SESSION, {"digest": digest, "now": transaction.now})
    return found


async def close_session(transaction: Transaction, digest: str) -> None:
    """Sign out."""
    await transaction.execute(_CLOSE_SESSION, {"digest": digest})


async def forget_sessions(transaction: Transaction) -> None:
    """Sessions whose time is over are gone."""
    await transaction.execute(_FORGET_SESSIONS, {"now": transaction.now})
