"""Sign staff in and out, and find the member of staff of a session."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from services.dashboard.domain.staff import Staff, normalise_email, password_limits
from services.dashboard.storage.staff import find_account, find_session_staff
from services.dashboard.storage.staff_sessions import delete_session, insert_session
from services.dashboard.storage.wrong_passwords import count_attempt, uncount_attempt
from services.dashboard.use_cases.passwords import is_password
from shared.runtime.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """E-mail and password as typed, with the network address; `device` identifies a browser that signed in before.

    `replaced` is the session that the browser had until now.
    """

    email: str = field(repr=False)
    password: str = field(repr=False)
    address: str
    device: str | None = None
    replaced: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Successful sign-in; `session` is the opaque id that only the browser holds."""

    staff: Staff
    session: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TooManyAttempts:
    """Attempt that was not checked because a rate limit is exceeded for the time `wait`."""

    wait: timedelta


async def sign_in(
    database: Database, attempt: SignInAttempt, lifetime: timedelta
) -> SignedIn | TooManyAttempts | None:
    """Check the password and open a session that is valid for `lifetime` and ends the replaced one.

    Return None if e-mail and password do not match. The attempt is counted and committed before the password is
    checked.
    """
    email = normalise_email(attempt.email)
    limits = password_limits(email, attempt.address, attempt.device)
    async with database.transaction(schools=()) as tx:
        wait = await count_attempt(tx, limits)
        account = await find_account(tx, email)
    if wait is not None:
        return TooManyAttempts(wait)
    password_hash = account.password_hash if account else None
    if not await is_password(password_hash, attempt.password) or account is None:
        return None
    session = secrets.token_urlsafe(32)
    async with database.transaction(schools=()) as tx:
        await uncount_attempt(tx, limits)
        opened = await insert_session(
            tx, account.staff.staff_id, account.password_hash, session_digest(session), tx.now + lifetime
        )
        if opened and attempt.replaced:
            await delete_session(tx, session_digest(attempt.replaced))
    return SignedIn(account.staff, session) if opened else None


async def sign_out(tx: Transaction, session: str) -> None:
    """End the session on the server, whatever the browser keeps."""
    await delete_session(tx, session_digest(session))


async def find_signed_in_staff(tx: Transaction, session: str) -> Staff | None:
    """Return the member of staff of a session, or None if it is unknown or expired."""
    return await find_session_staff(tx, session_digest(session))


def session_digest(session: str) -> str:
    """Return the SHA-256 (hex) of a session id, which is all that the server stores of it."""
    return hashlib.sha256(session.encode()).hexdigest()
