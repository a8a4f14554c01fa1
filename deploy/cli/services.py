"""Settings and databases of an installation's services, for commands that work without the HTTP API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from deploy.cli.api import Unavailable
from deploy.cli.connection import AUTH_SECRET, data_directory
from deploy.cli.output import CONFIGURATION, Failure
from deploy.embedded.postgres import APPLICATION, OWNER
from shared.runtime.core import ConfigurationError, DatabaseRefused, ServiceSettings, load_settings
from shared.runtime.database import Database, Transaction

T = TypeVar("T")
SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
DATABASE_URL = "KINVITE_DATABASE_URL"
_PORT_LINE_INDEX = 3


def settings_class(service: str) -> type[ServiceSettings]:
    """Return the settings class of a service."""
    settings: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return settings


def load_all_settings(services: Iterable[str]) -> dict[str, ServiceSettings]:
    """Return the settings by service. Raises Failure 78 with every problem of all of them."""
    _adopt_embedded_settings()
    settings: dict[str, ServiceSettings] = {}
    problems: dict[str, None] = {}
    for service in services:
        try:
            settings[service] = load_settings(settings_class(service))
        except ConfigurationError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
    if problems:
        raise Failure("settings are missing or wrong:\n  " + "\n  ".join(sorted(problems)), CONFIGURATION)
    return settings


def open_database(service: str) -> Database:
    """Return a service's database, to be entered by the caller. Raises Failure 78 if its URL is not set."""
    _adopt_embedded_settings()
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise Failure(f"{DATABASE_URL} is missing, and no Kinvite runs in {data_directory()}.", CONFIGURATION)
    return Database(url, schema=service, pool_size=2)


def run_with_database(service: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` with a service's database.

    Raises Unavailable if the database does not answer, and Failure 78 if its URL is not set or it refuses the user.
    """

    async def run(database: Database) -> T:
        async with database:
            return await work(database)

    try:
        return asyncio.run(run(open_database(service)))
    except DatabaseRefused as error:
        raise Failure(f"{service}: {error}", CONFIGURATION) from None
    except (OSError, SQLAlchemyError) as error:
        raise Unavailable(f"The database of {service} does not answer ({type(error).__name__}).") from None


def run_in_transaction(service: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run `work` in one transaction of a service's database. Raises the same as `run_with_database`."""

    async def run(database: Database) -> T:
        async with database.transaction() as tx:
            return await work(tx)

    return run_with_database(service, run)


def get_auth_secret() -> str:
    """Return the secret that signs tokens. Raises Failure 78 if it is not set."""
    _adopt_embedded_settings()
    secret = os.environ.get(AUTH_SECRET)
    if not secret:
        raise Failure(f"{AUTH_SECRET} is missing, and no Kinvite runs in {data_directory()}.", CONFIGURATION)
    return secret


def _adopt_embedded_settings() -> None:
    """Take the settings of the embedded run in the data directory, unless the environment names a database."""
    if os.environ.get(DATABASE_URL):
        return
    for name, value in embedded_settings(data_directory()).items():
        os.environ.setdefault(name, value)


def embedded_settings(data: Path) -> Mapping[str, str]:
    """Return the settings of the services that run with this data directory; empty if none run."""
    try:
        secrets: dict[str, Any] = json.loads((data / "secrets.json").read_text())
        credentials = json.loads((data / "credentials.json").read_text())
        port = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[_PORT_LINE_INDEX])
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
        # No command connects to the embedded broker, so the address only has to be valid.
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "KINVITE_KAFKA_PROFILE": "embedded",
    }
