"""The services of an installation, their settings and their databases, as an operator's command sees them."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from deploy.cli.api import Unavailable
from deploy.cli.connection import AUTH_SECRET, data_directory
from deploy.cli.outcome import CONFIGURATION, Failure
from deploy.cli.work import run
from deploy.embedded.postgres import APPLICATION, OWNER
from shared.runtime.core import ConfigurationError, DatabaseRefused, ServiceSettings, load_settings
from shared.runtime.database import Database, Transaction

T = TypeVar("T")
SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
DATABASE_URL = "KINVITE_DATABASE_URL"
_PORT_LINE = 3


def settings_class(service: str) -> type[ServiceSettings]:
    """A service's own class."""
    found: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return found


def settings_of(services: Iterable[str]) -> dict[str, ServiceSettings]:
    """The settings of the services. Raises Failure 78 that lists every problem of all of them."""
    _adopt_embedded()
    read: dict[str, ServiceSettings] = {}
    problems: dict[str, None] = {}
    for service in services:
        try:
            read[service] = load_settings(settings_class(service))
        except ConfigurationError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
    if problems:
        raise Failure("settings are missing or wrong:\n  " + "\n  ".join(sorted(problems)), CONFIGURATION)
    return read


def database_of(service: str) -> Database:
    """A service's database. Raises Failure 78 where nothing says where it is."""
    _adopt_embedded()
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise Failure(f"{DATABASE_URL} is missing, and no Kinvite runs in {data_directory()}.", CONFIGURATION)
    return Database(url, schema=service, pool_size=2)


def in_database(service: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do the work with a service's database. Raises Unavailable, and Failure 78 as above."""

    async def done(database: Database) -> T:
        async with database:
            return await work(database)

    try:
        return run(done(database_of(service)))
    except DatabaseRefused as error:
        raise Failure(f"{service}: {error}", CONFIGURATION) from None
    except (OSError, SQLAlchemyError) as error:
        raise Unavailable(f"The database of {service} does not answer ({type(error).__name__}).") from None


def in_transaction(service: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Do the work in one transaction of a service's database. Raises as above."""

    async def done(database: Database) -> T:
        async with database.transaction() as transaction:
            return await work(transaction)

    return in_database(service, done)


def auth_secret() -> str:
    """What signs tokens. Raises Failure 78."""
    _adopt_embedded()
    secret = os.environ.get(AUTH_SECRET)
    if not secret:
        raise Failure(f"{AUTH_SECRET} is missing, and no Kinvite runs in {data_directory()}.", CONFIGURATION)
    return secret


def _adopt_embedded() -> None:
    """Without settings in the environment the Kinvite of this data directory is meant."""
    if os.environ.get(DATABASE_URL):
        return
    for name, value in embedded_settings(data_directory()).items():
        os.environ.setdefault(name, value)


def embedded_settings(data: Path) -> Mapping[str, str]:
    """What the Kinvite that runs with this data directory tells its services; empty where none runs."""
    try:
        secrets: dict[str, Any] = json.loads((data / "secrets.json").read_text())
        credentials = json.loads((data / "credentials.json").read_text())
        port = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[_PORT_LINE])
        users = {APPLICATION: secrets["application_password"], OWNER: secrets["owner_password"]}
    except (OSError, ValueError, IndexError, KeyError):
        return {}
    urls = {
        user: f"postgresql+asyncpg://{user}:{password}@127.0.0.1:{port}/{OWNER}"
        for user, password in users.items()
    }
    return {
        DATABASE_URL: urls[APPLICATION],
        "KINVITE_DATABASE_OWNER_URL": urls[OWNER],
        AUTH_SECRET: secrets["auth_secret"],
        "KINVITE_TOKEN_KEYS": secrets["token_keys"],
        "KINVITE_PUBLIC_URL": credentials["url"],
        # Its broker is the supervisor's own affair: no command of an operator speaks to it.
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "KINVITE_KAFKA_PROFILE": "embedded",
    }
