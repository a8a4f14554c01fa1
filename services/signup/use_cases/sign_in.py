"""Sign a parent in and out. The cookie holds a random secret of more than 128 bits; only its digest is stored."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from services.signup import views
from services.signup.domain.accounts import username_key
from services.signup.storage import accounts, known_browsers, sessions
from services.signup.use_cases.digests import secret_digest
from services.signup.views import AccountView
from shared.runtime.database import SchoolsOf, Transaction


async def find_credentials(tx: Transaction, username: str) -> tuple[UUID, str] | None:
    """Return (account_id, password hash) of the active account with the typed username, or None."""
    key = username_key(username)
    if "\x00" in key:
        return None
    return await accounts.find_credentials(tx, key)


async def remember_browser(tx: Transaction, account_id: UUID, *, lifetime_days: int, browser: str) -> str:
    """Save that the account has signed in with this browser, and return the secret for the browser's cookie.

    `browser` is the secret of its present cookie; it is used again only if it is known.
    """
    is_known = bool(browser) and await known_browsers.exists(tx, secret_digest(browser))
    secret = browser if is_known else secrets.token_urlsafe(24)
    expires_at = tx.now + timedelta(days=lifetime_days)
    await known_browsers.save_known_browser(tx, secret_digest(secret), account_id, expires_at)
    return secret


async def sign_in(tx: Transaction, account_id: UUID, *, lifetime_days: int, previous: str | None) -> str:
    """Start a session and end the browser's `previous` one. Return the secret for the cookie."""
    if previous:
        await sessions.delete_session(tx, secret_digest(previous))
    secret = secrets.token_urlsafe(24)
    expires_at = tx.now + timedelta(days=lifetime_days)
    await sessions.insert_session(tx, secret_digest(secret), account_id, expires_at)
    return secret


def schools_of_session(secret: str) -> SchoolsOf:
    """Return the scope of a transaction that reads the account of this session."""
    return SchoolsOf("schools_of_session", secret_digest(secret))


async def find_signed_in_account(tx: Transaction, secret: str) -> AccountView | None:
    """Return the account that is signed in with this cookie, with its schools and students, or None."""
    account_id = await sessions.find_session_account(tx, secret_digest(secret))
    return None if account_id is None else await views.find_account(tx, account_id)


async def sign_out(tx: Transaction, secret: str) -> None:
    """End the session of this cookie."""
    await sessions.delete_session(tx, secret_digest(secret))
