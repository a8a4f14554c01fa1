"""Signing in and out. The cookie's value is a random secret of 128 bits and more; the table knows its digest."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from services.signup import views
from services.signup.domain.accounts import username_key
from services.signup.storage import accounts
from services.signup.views import AccountView
from shared.runtime.database import SchoolsOf, Transaction


async def find_credentials(transaction: Transaction, username: str) -> tuple[UUID, str] | None:
    """(account_id, password hash) for what was typed as username, or None."""
    key = username_key(username)
    if "\x00" in key:
        return None
    return await accounts.find_credentials(transaction, key)


async def sign_in(
    transaction: Transaction, account_id: UUID, *, lifetime_days: int, previous: str | None
) -> str:
    """Open a session and end the one that the browser had; returns the new cookie's value."""
    if previous:
        await accounts.close_session(transaction, _digest(previous))
    secret = secrets.token_urlsafe(24)
    until = transaction.now + timedelta(days=lifetime_days)
    await accounts.open_session(transaction, _digest(secret), account_id, until)
    return secret


def schools_of(secret: str) -> SchoolsOf:
    """The schools of the account that is signed in with this cookie."""
    return SchoolsOf("schools_of_session", _digest(secret))


async def find_signed_in(transaction: Transaction, secret: str) -> AccountView | None:
    """The account page of who is signed in with this cookie, or None."""
    account_id = await accounts.find_session(transaction, _digest(secret))
    return None if account_id is None else await views.find_account(transaction, account_id)


async def sign_out(transaction: Transaction, secret: str) -> None:
    """End the session."""
    await accounts.close_session(transaction, _digest(secret))


def form_token(secret: str) -> str:
    """The token that a signed-in form must carry; it follows from the cookie, and nobody else can know it."""
    return hashlib.sha256(f"kinvite form {secret}".encode(errors="replace")).hexdigest()[:32]


def form_token_is_right(secret: str, given: str) -> bool:
    """Whether the form came from a page that this session was shown."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode(errors="replace"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
