"""Supervisor of PostgreSQL, the broker and the server: starts them, restarts what ends, and stops them in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from socket import socket

from deploy.embedded.api_token import mint_api_token
from deploy.embedded.broker import Broker
from deploy.embedded.config import Config
from deploy.embedded.data import OWNER_EMAIL, DataDirectory, Secrets
from deploy.embedded.errors import CannotRun
from deploy.embedded.logs import rotate_logs
from deploy.embedded.orphan_reaper import OrphanReaper
from deploy.embedded.postgres import ADMINISTRATOR, OWNER, Postgres
from deploy.embedded.processes import Child, Identity, end_leftover, read_start_time
from deploy.embedded.server_process import ServerProcess

MIN_RESTART_DELAY_SECONDS = 0.1
MAX_RESTART_DELAY_SECONDS = 5.0
STABLE_AFTER_SECONDS = 30.0
RESTART_STOP_TIMEOUT_SECONDS = 15.0
LOG_ROTATION_SECONDS = 30.0


class Supervisor:
    """One run on a locked data directory. `listener` is the socket on which the server answers."""

    def __init__(self, config: Config, data: DataDirectory, listener: socket) -> None:
        self._config = config
        self._data = data
        self._secrets: Secrets = data.load_secrets()
        self._postgres = Postgres(
            data.cluster,
            data.logs / "postgres.log",
            administrator_password=self._secrets.administrator_password,
            owner_password=self._secrets.owner_password,
            application_password=self._secrets.application_password,
        )
        self._broker = Broker(data.logs / "broker.log")
        self._server = ServerProcess(listener, data.path, data.logs / "server.log")
        self._broker_is_empty = True
        self._restart_delay_seconds = MIN_RESTART_DELAY_SECONDS
        self._reaper = None if sys.platform == "linux" else OrphanReaper()

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP. Raises CannotRun if the first start fails."""
        stop_requested = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop_requested.set)
        work = asyncio.create_task(self._start_and_restart())
        stop = asyncio.create_task(stop_requested.wait())
        rotation = asyncio.create_task(self._rotate_logs())
        try:
            await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            for task in (work, stop, rotation):
                task.cancel()
            await asyncio.gather(work, stop, rotation, return_exceptions=True)
            await self._stop()

    async def _start_and_restart(self) -> None:
        # A file that a killed run has left would make /readyz answer 200 too early.
        self._data.delete_credentials()
        await self._end_leftovers()
        token_task = asyncio.create_task(self._ensure_api_token())
        try:
            await asyncio.gather(self._start_postgres(), self._start_broker())
            token = await token_task
            await self._start_server()
            self._announce_ready(token)
        finally:
            token_task.cancel()
        while True:
            await self._restart(await self._wait_for_exit())

    async def _start_postgres(self) -> None:
        await self._postgres.start()
        self._record_processes()

    async def _start_broker(self) -> None:
        self._broker_is_empty = True
        await self._broker.start()
        self._record_processes()

    async def _start_server(self) -> None:
        """Start the server and return when every service is ready."""
        await self._server.start(self._server_environment())
        self._record_processes()
        await self._wait_for_server()
        self._broker_is_empty = False

    def _server_environment(self) -> dict[str, str]:
        secrets, local_url = self._secrets, self._config.local_url
        return {
            "KINVITE_DATABASE_URL": _asyncpg_url(self._postgres.url()),
            "KINVITE_DATABASE_OWNER_URL": _asyncpg_url(self._postgres.url(OWNER)),
            "KINVITE_EMBEDDED_ADMINISTRATOR_URL": self._postgres.url(ADMINISTRATOR),
            "KINVITE_EMBEDDED_API_TOKEN": secrets.api_token,
            "KINVITE_EMBEDDED_REPLAY": "1" if self._broker_is_empty else "",
            "KINVITE_KAFKA_BOOTSTRAP": self._broker.bootstrap,
            "KINVITE_KAFKA_PROFILE": "embedded",
            # Every emitter runs in the server's own process and wakes the relay there; polling is only a safety net.
            "KINVITE_RELAY_POLL_MILLISECONDS": "1000",
            "KINVITE_PUBLIC_URL": self._config.public_url,
            "KINVITE_TOKEN_KEYS": secrets.token_keys,
            "KINVITE_AUTH_SECRET": secrets.auth_secret,
            "DASHBOARD_OWNER_EMAIL": OWNER_EMAIL,
            "DASHBOARD_OWNER_PASSWORD": secrets.admin_password,
            "DASHBOARD_SERVICES_URL": local_url,
            "INVITATIONS_ROSTER_URL": local_url,
            "KINVITE_CHANNELS": "email,sms,whatsapp",
        }

    async def _wait_for_server(self) -> None:
        """Return when the server is ready. Raises CannotRun if it fails, or as soon as database or broker end."""
        ready = asyncio.create_task(self._server.wait_until_ready())
        exits = [asyncio.create_task(part.wait()) for part in (self._postgres, self._broker)]
        try:
            await asyncio.wait((ready, *exits), return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return await ready
        finally:
            for task in (ready, *exits):
                task.cancel()
            await asyncio.gather(ready, *exits, return_exceptions=True)
        await self._server.stop()
        raise CannotRun("the database or the broker ended while the services started")

    async def _wait_for_exit(self) -> str:
        """Wait until a part has ended, or the server hangs, and return the name of the part.

        If several have ended, the broker comes first, because its restart includes the server and the database.
        """
        exits: dict[asyncio.Task[object], str] = {
            asyncio.create_task(self._postgres.wait()): "postgres",
            asyncio.create_task(self._broker.wait()): "broker",
            asyncio.create_task(self._server.child.wait()): "server",
            asyncio.create_task(self._server.wait_until_hung()): "server",
        }
        started_at = asyncio.get_running_loop().time()
        try:
            done, _ = await asyncio.wait(exits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in exits:
                task.cancel()
            await asyncio.gather(*exits, return_exceptions=True)
        if asyncio.get_running_loop().time() - started_at > STABLE_AFTER_SECONDS:
            self._restart_delay_seconds = MIN_RESTART_DELAY_SECONDS
        names = {exits[task] for task in done}
        return next(name for name in ("broker", "postgres", "server") if name in names)

    async def _restart(self, name: str) -> None:
        """Restart a part that has ended.

        The server is restarted with the broker, because running consumers would continue at their old offsets in a
        new, empty log.
        """
        _print_error(f"the {name} has ended and is started again")
        if name == "postgres":
            await self._retry(self._start_postgres)
            return
        await self._server.stop(RESTART_STOP_TIMEOUT_SECONDS)
        if name == "broker":
            await self._retry(self._start_broker)
        await self._retry(self._restart_server)

    async def _restart_server(self) -> None:
        """Start the server again, after the database and the broker where they have ended as well."""
        if not self._postgres.child.is_running:
            await self._start_postgres()
        if not self._broker.child.is_running:
            await self._start_broker()
        await self._server.stop(RESTART_STOP_TIMEOUT_SECONDS)
        await self._start_server()

    async def _retry(self, start: Callable[[], Awaitable[None]]) -> None:
        """Call `start` until it succeeds, with an exponential backoff."""
        while True:
            await asyncio.sleep(self._restart_delay_seconds)
            self._restart_delay_seconds = min(self._restart_delay_seconds * 2, MAX_RESTART_DELAY_SECONDS)
            try:
                await start()
            except Exception as error:  # noqa: BLE001 - whatever the reason, the next attempt may succeed
                _print_error(
                    str(error) if isinstance(error, CannotRun) else f"not yet ({type(error).__name__})"
                )
            else:
                return

    async def _end_leftovers(self) -> None:
        for name, identity in self._data.load_processes().items():
            if name != "supervisor":
                await end_leftover(identity, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)

    async def _stop(self) -> None:
        for part in (self._server, self._broker, self._postgres):
            with suppress(OSError):
                await part.stop()
        if self._reaper is not None:
            self._reaper.close()
        self._data.delete_credentials()

    async def _ensure_api_token(self) -> str:
        """Return the stored API token; mint and store one at the first start."""
        if not self._secrets.api_token:
            token = await mint_api_token(self._secrets.auth_secret)
            self._secrets = replace(self._secrets, api_token=token)
            self._data.save_secrets(self._secrets)
        return self._secrets.api_token

    def _announce_ready(self, token: str) -> None:
        """Write credentials.json, which makes /readyz answer 200, and print the sign-in line."""
        url, password = self._config.public_url, self._secrets.admin_password
        self._data.write_credentials(
            {"url": url, "admin_email": OWNER_EMAIL, "admin_password": password, "api_token": token}
        )
        with suppress(OSError):
            unless = "unless `kinvite admin password` gave another"
            print(f"Kinvite is ready at {url}  sign in: {OWNER_EMAIL} / {password} ({unless})", flush=True)

    def _record_processes(self) -> None:
        children: list[Child] = [self._postgres.child, self._broker.child, self._server.child]
        supervisor = Identity(os.getpid(), read_start_time(os.getpid()) or "")
        self._data.save_processes(
            {"supervisor": supervisor, **{child.name: child.identity for child in children}}
        )
        if self._reaper is not None:
            self._reaper.set_children(
                {
                    child.identity.pid: child.death_signal
                    for child in children
                    if child.identity is not None and child.is_running
                }
            )

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_ROTATION_SECONDS)
            with suppress(OSError):
                await asyncio.to_thread(rotate_logs, self._data.logs)


def _asyncpg_url(url: str) -> str:
    return url.replace("postgresql:", "postgresql+asyncpg:", 1)


def _print_error(text: str) -> None:
    with suppress(OSError):
        print(f"kinvite: {text}", file=sys.stderr, flush=True)
