"""Database roles: two per service that own nothing, and the login that takes them. Roles belong to the whole server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.runtime.database.connections import role_name

_ITERATIONS = 4096
_EXISTS = text("SELECT true FROM pg_roles WHERE rolname = :role")
_MEMBER = text("SELECT pg_has_role(:login, :role, 'SET')")
_MAY_CONNECT = text("SELECT has_database_privilege(:login, current_database(), 'CONNECT')")
_POWERFUL = text("SELECT pg_has_role(:login, current_user, 'MEMBER')")
_TOO_POWERFUL = (
    "the user {login} of KINVITE_DATABASE_URL is a superuser or an owner of the tables, whom no row-level security "
    "stops: name another there, who need not exist yet"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kinvite.roles', 0))")
_DUPLICATE = ("42710", "23505")
_FORBIDDEN = "42501"


class RolesMissing(Exception):
    """The user may not create the roles; the text is what an administrator has to run."""


async def ensure_roles(connection: AsyncConnection, service: str, url: str) -> None:
    """Create the service's roles and the login of `url` if they are missing, and let the login take the roles.

    Needs CREATEROLE only if something is missing. Commits. Raises RolesMissing.
    """
    await connection.execute(_LOCK)
    login, password = make_url(url).username or "", make_url(url).password
    try:
        await _ensure(connection, login, f"LOGIN NOINHERIT{_password(password)}")
        if (await connection.execute(_POWERFUL, {"login": login})).scalar_one():
            raise RolesMissing(_TOO_POWERFUL.format(login=login))
        for role in (role_name(service, "api"), role_name(service, "worker")):
            await _ensure(connection, role, "NOLOGIN")
            if not (await connection.execute(_MEMBER, {"login": login, "role": role})).scalar_one():
                await connection.execute(text(f'GRANT "{role}" TO "{login}" WITH INHERIT FALSE, SET TRUE'))
        if not (await connection.execute(_MAY_CONNECT, {"login": login})).scalar_one():
            database = (await connection.execute(text("SELECT current_database()"))).scalar_one()
            await connection.execute(text(f'GRANT CONNECT ON DATABASE "{database}" TO "{login}"'))
    except ProgrammingError as error:
        if _state(error) == _FORBIDDEN:
            raise RolesMissing(_advice(service, login)) from None
        raise
    await connection.commit()


async def _ensure(connection: AsyncConnection, role: str, attributes: str) -> None:
    if not role.replace("_", "").replace("-", "").isalnum():
        raise RolesMissing("the database user's name may hold letters, digits, - and _ only")
    if (await connection.execute(_EXISTS, {"role": role})).scalar():
        return
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(f'CREATE ROLE "{role}" {attributes}')
    except (IntegrityError, ProgrammingError) as error:  # somebody in another database was faster
        if _state(error) not in _DUPLICATE:
            raise


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _advice(service: str, login: str) -> str:
    api, worker = role_name(service, "api"), role_name(service, "worker")
    return (
        f"the roles of {service} are missing and this database user may not make them: give it CREATEROLE, or let an "
        f"administrator run: CREATE ROLE \"{login}\" LOGIN NOINHERIT PASSWORD '…'; CREATE ROLE {api}; "
        f'CREATE ROLE {worker}; GRANT {api}, {worker} TO "{login}" WITH INHERIT FALSE, SET TRUE;'
    )


def _password(password: str | None) -> str:
    return f" PASSWORD '{scram_verifier(password)}'" if password else ""


def scram_verifier(password: str) -> str:
    """Return the SCRAM verifier that PostgreSQL stores (RFC 5803), so that no statement contains the password."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *parts)
