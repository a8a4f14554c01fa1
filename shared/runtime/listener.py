"""LISTEN on the service's channel, so that a relay elsewhere wakes at once. A hint only: the poll finds all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from shared.runtime.database import Database
from shared.runtime.errors import is_transient
from shared.runtime.logging import describe, get_logger
from shared.runtime.retry import Backoff

log = get_logger("listener")


class Listener:
    """Keeps one connection of its own; reconnects when it is lost."""

    def __init__(self, database: Database, wakers: Sequence[Callable[[], None]]) -> None:
        self._channel = database.channel
        self._dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._wakers = wakers

    async def run(self) -> None:
        """Listen until cancelled."""
        backoff = Backoff(first=0.2)
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=10)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.info("listener.reconnecting", **describe(error))
                await backoff.wait()
                continue
            backoff.reset()
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _, event=closed: event.set())
            try:
                await connection.add_listener(self._channel, self._notified)
                self._wake()
                await closed.wait()
            except Exception as error:
                if not is_transient(error) and not isinstance(
                    error, (asyncpg.PostgresError, asyncpg.InterfaceError)
                ):
                    raise
                log.info("listener.reconnecting", **describe(error))
            finally:
                connection.terminate()

    def _notified(self, *_: Any) -> None:
        self._wake()

    def _wake(self) -> None:
        for wake in self._wakers:
            wake()
