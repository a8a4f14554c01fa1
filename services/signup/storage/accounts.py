"""Accounts, from the reserved username to the active account."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.accounts import NewAccount
from services.signup.domain.links import Submission
from shared.runtime.database import Transaction

_RESERVE = text(
    """
    INSERT INTO accounts (account_id, username, username_key, password_hash, username_skeleton, state, created_at)
    VALUES (:account_id, :username, :username_key, :password_hash, :username_skeleton, 'pending', :now)
    ON CONFLICT DO NOTHING
    RETURNING account_id
    """
)
_ACTIVATE = text(
    "UPDATE accounts SET state = 'active', activated_at = :now WHERE account_id = ANY(CAST(:account_ids AS uuid[]))"
)
_DELETE_PENDING = text(
    "DELETE FROM accounts WHERE account_id = ANY(CAST(:account_ids AS uuid[])) AND state = 'pending'"
)
_FIND = text(
    """
    SELECT account_id, username, username_key, password_hash, username_skeleton
      FROM accounts WHERE account_id = :account_id
    """
)
_FIND_CREDENTIALS = text(
    "SELECT account_id, password_hash FROM accounts WHERE username_key = :key AND state = 'active'"
)


async def reserve_account(tx: Transaction, account: NewAccount) -> bool:
    """Insert the account as pending. Return False if its username, or one that looks like it, is in use or reserved."""
    values = {
        "account_id": account.account_id,
        "username": account.username,
        "username_key": account.username_key,
        "password_hash": account.password_hash,
        "username_skeleton": account.username_skeleton,
        "now": tx.now,
    }
    return await tx.scalar(_RESERVE, values) is not None


async def activate_accounts(tx: Transaction, accepted: Sequence[Submission]) -> None:
    """Activate the accounts that these sign-ups reserve."""
    account_ids = [sign_up.account_id for sign_up in accepted]
    await tx.execute(_ACTIVATE, {"account_ids": account_ids, "now": tx.now})


async def release_accounts(tx: Transaction, refused: Sequence[Submission]) -> None:
    """Delete the pending accounts that these submissions reserve, so that their usernames are available again."""
    account_ids = [submission.account_id for submission in refused if submission.account_id is not None]
    if account_ids:
        await tx.execute(_DELETE_PENDING, {"account_ids": account_ids})


async def find_account(tx: Transaction, account_id: UUID) -> NewAccount | None:
    """Return the account as it was reserved, or None if it was released."""
    row = await tx.row(_FIND, {"account_id": account_id})
    return None if row is None else NewAccount(**row._asdict())


async def find_credentials(tx: Transaction, username_key: str) -> tuple[UUID, str] | None:
    """Return (account_id, password hash) of the active account with this username, or None."""
    row = await tx.row(_FIND_CREDENTIALS, {"key": username_key})
    return None if row is None else (row.account_id, row.password_hash)
