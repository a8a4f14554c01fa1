"""Staff accounts and signing in."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.dashboard.domain.staff import Role, Staff, brakes, fold_email, roles_in
from services.dashboard.service.passwords import hash_password, is_password
from services.dashboard.storage import staff as storage
from shared.runtime.core import new_id
from shared.runtime.database import Database, Transaction
from shared.runtime.web import API_CLIENT_PREFIX

# Staff accounts and sessions belong to no school.
NONE: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody typed, from where; `device` is the mark of a browser that has signed in before."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    address: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`session` is the opaque id that only the browser holds."""

    staff: Staff
    session: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many wrong passwords; this attempt was not looked at."""

    time: timedelta


async def sign_in(database: Database, attempt: Attempt, lifetime: timedelta) -> SignedIn | Wait | None:
    """None for a wrong e-mail or password. The count of attempts is committed before the password is checked."""
    email = fold_email(attempt.email)
    slow = list(brakes(email, attempt.address, attempt.device))
    async with database.transaction(schools=NONE) as tx:
        wait = await storage.count_attempt(tx, slow)
        account = await storage.find_account(tx, email)
    if wait is not None:
        return Wait(wait)
    stored = account.password_hash if account else None
    if not await is_password(stored, attempt.password) or account is None:
        return None
    session = secrets.token_urlsafe(32)
    async with database.transaction(schools=NONE) as tx:
        await storage.give_back(tx, slow)
        opened = await storage.open_session(tx, account, digest_of(session), tx.now + lifetime)
    return SignedIn(account.staff, session) if opened else None


async def staff_of_session(tx: Transaction, session: str) -> Staff | None:
    """Who is signed in, or None for a session that is unknown or over."""
    return await storage.find_session(tx, digest_of(session))


async def sign_out(tx: Transaction, session: str) -> None:
    """The session is over on the server, whatever the browser keeps."""
    await storage.close_session(tx, digest_of(session))


async def names_of_actors(tx: Transaction, actors: Sequence[str | None]) -> dict[str, str]:
    """`staff:<id>` -> the person's address; a program is said to be one; others keep their own name."""
    ids: dict[UUID, str] = {}
    names: dict[str, str] = {}
    for actor in {actor for actor in actors if actor}:
        kind, _, identity = actor.partition(":")
        try:
            ids[UUID(identity if kind == "staff" else "")] = actor
        except ValueError:
            names[actor] = f"the program “{identity}”" if actor.startswith(API_CLIENT_PREFIX) else actor
    known = await storage.names_of(tx, ids)
    return names | {actor: known.get(staff_id, "former staff") for staff_id, actor in ids.items()}


async def ensure_owner(database: Database, email: str, password: str) -> None:
    """The owner of the settings exists, and is an owner.

    The password is for an account that becomes one here: one that was given later is not put back at every start.
    """
    address = fold_email(email)
    async with database.transaction(schools=NONE) as tx:
        everybody = await storage.hold_staff(tx)
        if not any(one.email == address and one.roles.get(None) is Role.OWNER for one in everybody):
            owner = Staff(new_id(), address, {None: Role.OWNER})
            await storage.save_account(tx, owner, await hash_password(password))


async def add_staff(
    database: Database, email: str, password: str, role: Role, schools: frozenset[UUID] | None = None
) -> Staff:
    """An account with a role in the given schools (None: all)."""
    member = Staff(new_id(), fold_email(email), roles_in(role, schools))
    hashed = await hash_password(password)
    async with database.transaction(schools=NONE) as tx:
        return await storage.save_account(tx, member, hashed)


def digest_of(session: str) -> str:
    """What the server keeps of a session's id."""
    return hashlib.sha256(session.encode()).hexdigest()


def form_token(secret: str, session: str) -> str:
    """The token that every signed-in form carries: bound to the session, useless without it."""
    return hmac.new(secret.encode(), f"dashboard.form:{session}".encode(), hashlib.sha256).hexdigest()
