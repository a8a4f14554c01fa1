"""LISTEN on a service's channels over one connection. A hint only: whoever is told looks for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from shared.runtime.database import Database
from shared.runtime.errors import is_transient
from shared.runtime.logging import describe, get_logger
from shared.runtime.retry import Backoff
from shared.runtime.session import DRIVER_ERRORS

log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class Hearing:
    """What to call for every notification on a channel, with its payload.

    `joined` is called when listening begins, and again after a lost connection: what was said before was not heard.
    """

    channel: str
    heard: Callable[[str], None]
    joined: Callable[[], None]


class Listener:
    """Keeps one connection of its own; reconnects when it is lost."""

    def __init__(self, database: Database, hearings: Sequence[Hearing]) -> None:
        self._dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._hearings = hearings

    async def run(self) -> None:
        """Listen until cancelled."""
        backoff = Backoff(first=0.2)
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=10)
            except (OSError, TimeoutError, *DRIVER_ERRORS) as error:
                log.info("listener.reconnecting", **describe(error))
                await backoff.wait()
                continue
            backoff.reset()
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _, event=closed: event.set())
            try:
                for hearing in self._hearings:
                    await connection.add_listener(hearing.channel, _payload_to(hearing.heard))
                for hearing in self._hearings:
                    hearing.joined()
                await closed.wait()
            except Exception as error:
                if not is_transient(error) and not isinstance(error, DRIVER_ERRORS):
                    raise
                log.info("listener.reconnecting", **describe(error))
            finally:
                connection.terminate()


def _payload_to(heard: Callable[[str], None]) -> Callable[..., None]:
    def notified(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
        heard(payload)

    return notified
