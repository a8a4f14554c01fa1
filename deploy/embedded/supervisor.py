"""Starts PostgreSQL, the broker and the server, keeps them running, and stops them in order."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from socket import socket

from deploy.embedded.broker import Broker
from deploy.embedded.config import Config
from deploy.embedded.data import OWNER_EMAIL, DataDirectory, Secrets
from deploy.embedded.failure import CannotRun
from deploy.embedded.guard import Guard
from deploy.embedded.logs import rotate
from deploy.embedded.postgres import ADMINISTRATOR, OWNER, Postgres
from deploy.embedded.processes import Child, Identity, began, end_leftover
from deploy.embedded.server_process import ROOT, ServerProcess

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
STEADY_AFTER_SECONDS = 30.0
UNHURRIED_STOP_SECONDS = 15.0
ROTATE_EVERY_SECONDS = 30.0


class Supervisor:
    """One run. `run` returns when it is told to stop by a signal; raises CannotRun when it could not get ready."""

    def __init__(self, config: Config, data: DataDirectory, listener: socket) -> None:
        self._config = config
        self._data = data
        self._secrets: Secrets = data.secrets()
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
        self._pause = FIRST_PAUSE_SECONDS
        self._guard = None if sys.platform == "linux" else Guard()

    async def run(self) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stopping.set)
        work = asyncio.create_task(self._start_and_keep())
        told = asyncio.create_task(stopping.wait())
        tidying = asyncio.create_task(self._rotate_logs())
        try:
            await asyncio.wait((work, told), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            for task in (work, told, tidying):
                task.cancel()
            await asyncio.gather(work, told, tidying, return_exceptions=True)
            await self._stop()

    async def _start_and_keep(self) -> None:
        self._data.forget_credentials()
        await self._end_leftovers()
        token = asyncio.create_task(self._api_token())
        try:
            await asyncio.gather(self._start_postgres(), self._start_broker())
            minted = await token
            await self._start_server()
            self._announce(minted)
        finally:
            token.cancel()
        while True:
            await self._mend(await self._next_end())

    async def _start_postgres(self) -> None:
        await self._postgres.start()
        self._record()

    async def _start_broker(self) -> None:
        self._broker_is_empty = True
        await self._broker.start()
        self._record()

    async def _start_server(self) -> None:
        secrets, url = self._secrets, self._config.public_url
        environment = {
            "KINVITE_DATABASE_URL": _for_services(self._postgres.url()),
            "KINVITE_DATABASE_OWNER_URL": _for_services(self._postgres.url(OWNER)),
            "KINVITE_EMBEDDED_ADMINISTRATOR_URL": self._postgres.url(ADMINISTRATOR),
            "KINVITE_EMBEDDED_API_TOKEN": secrets.api_token,
            "KINVITE_EMBEDDED_REPLAY": "1" if self._broker_is_empty else "",
            "KINVITE_KAFKA_BOOTSTRAP": self._broker.bootstrap,
            "KINVITE_KAFKA_PROFILE": "embedded",
            # Every emitter is in the server's own process and wakes the relay there; the poll is only a safety net.
            "KINVITE_RELAY_POLL_MILLISECONDS": "1000",
            "KINVITE_PUBLIC_URL": url,
            "KINVITE_TOKEN_KEYS": secrets.token_keys,
            "KINVITE_AUTH_SECRET": secrets.auth_secret,
            "DASHBOARD_OWNER_EMAIL": OWNER_EMAIL,
            "DASHBOARD_OWNER_PASSWORD": secrets.admin_password,
            "DASHBOARD_SERVICES_URL": self._config.local_url,
            "INVITATIONS_ROSTER_URL": self._config.local_url,
            "KINVITE_CHANNELS": "email,sms,whatsapp",
        }
        await self._server.start(environment)
        self._record()
        await self._server_ready()
        self._broker_is_empty = False

    async def _server_ready(self) -> None:
        """Returns when it is. Raises CannotRun when it does not get there, at once when what it waits for has ended."""
        ready = asyncio.create_task(self._server.ready())
        ends = [asyncio.create_task(part.wait()) for part in (self._postgres, self._broker)]
        try:
            await asyncio.wait((ready, *ends), return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return await ready
        finally:
            for task in (ready, *ends):
                task.cancel()
            await asyncio.gather(ready, *ends, return_exceptions=True)
        await self._server.stop()
        raise CannotRun("the database or the broker ended while the services started")

    async def _next_end(self) -> str:
        """Waits until a part has ended; its name. A server that is stuck is ended first."""
        ends: dict[asyncio.Task[object], str] = {
            asyncio.create_task(self._postgres.wait()): "postgres",
            asyncio.create_task(self._broker.wait()): "broker",
            asyncio.create_task(self._server.child.wait()): "server",
            asyncio.create_task(self._server.stuck()): "server",
        }
        began_at = asyncio.get_running_loop().time()
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        if asyncio.get_running_loop().time() - began_at > STEADY_AFTER_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        names = {ends[task] for task in done}
        return next(name for name in ("broker", "postgres", "server") if name in names)

    async def _mend(self, name: str) -> None:
        """Start what has ended. The broker takes the server with it: consumers left running would go on at their old
        places in a new log.
        """
        _say(f"the {name} has ended and is started again")
        if name == "postgres":
            await self._until_done(self._start_postgres)
            return
        await self._server.stop(UNHURRIED_STOP_SECONDS)
        if name == "broker":
            await self._until_done(self._start_broker)
        await self._until_done(self._restart_server)

    async def _restart_server(self) -> None:
        for part in (self._postgres, self._broker):
            if not part.child.running:
                await (self._start_postgres() if part is self._postgres else self._start_broker())
        await self._server.stop(UNHURRIED_STOP_SECONDS)
        await self._start_server()

    async def _until_done(self, start: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            try:
                await start()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may be luckier
                _say(str(error) if isinstance(error, CannotRun) else f"not yet ({type(error).__name__})")
            else:
                return

    async def _end_leftovers(self) -> None:
        for name, identity in self._data.leftovers().items():
            if name != "supervisor":
                await end_leftover(identity, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)

    async def _stop(self) -> None:
        for part in (self._server, self._broker, self._postgres):
            with suppress(OSError):
                await part.stop()
        if self._guard is not None:
            self._guard.close()
        self._data.forget_credentials()

    async def _api_token(self) -> str:
        """Minted once, then kept."""
        if not self._secrets.api_token:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "deploy.embedded.mint_token"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=ROOT,
            )
            minted, _ = await process.communicate(self._secrets.auth_secret.encode())
            self._secrets = replace(self._secrets, api_token=minted.decode().strip())
            self._data.keep_secrets(self._secrets)
        return self._secrets.api_token

    def _announce(self, token: str) -> None:
        url, password = self._config.public_url, self._secrets.admin_password
        self._data.write_credentials(
            {"url": url, "admin_email": OWNER_EMAIL, "admin_password": password, "api_token": token}
        )
        with suppress(OSError):
            unless = "unless `kinvite admin password` gave another"
            print(f"Kinvite is ready at {url}  sign in: {OWNER_EMAIL} / {password} ({unless})", flush=True)

    def _record(self) -> None:
        children: list[Child] = [self._postgres.child, self._broker.child, self._server.child]
        own = Identity(os.getpid(), began(os.getpid()) or "")
        self._data.record({"supervisor": own, **{child.name: child.identity for child in children}})
        if self._guard is not None:
            self._guard.tell(
                {c.identity.pid: c.death for c in children if c.identity is not None and c.running}
            )

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_EVERY_SECONDS)
            with suppress(OSError):
                await asyncio.to_thread(rotate, self._data.logs)


def _for_services(url: str) -> str:
    return url.replace("postgresql:", "postgresql+asyncpg:", 1)


def _say(text: str) -> None:
    with suppress(OSError):
        print(f"kinvite: {text}", file=sys.stderr, flush=True)
