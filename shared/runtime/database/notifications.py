"""LISTEN on a service's channels over one connection. Notifications are hints: the receiver reads the tables itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import is_transient
from shared.runtime.database.statements import DRIVER_ERRORS
from shared.runtime.database.transaction import Database
from shared.runtime.observability.logging import describe_error, get_logger

log = get_logger("notifications")


@dataclass(frozen=True, slots=True)
class NotificationHandler:
    """Callbacks for one channel.

    `on_notification` is called with the payload of every notification. `on_listening` is called when listening begins,
    and again after a lost connection: notifications sent in between did not arrive.
    """

    channel: str
    on_notification: Callable[[str], None]
    on_listening: Callable[[], None]


class NotificationListener:
    """Listener with one connection of its own, which it replaces when it is lost."""

    def __init__(self, database: Database, handlers: Sequence[NotificationHandler]) -> None:
        self._dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._handlers = handlers

    async def run(self) -> None:
        """Listen until cancelled."""
        backoff = Backoff(first=0.2)
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=10)
            except (OSError, TimeoutError, *DRIVER_ERRORS) as error:
                log.info("listener.reconnecting", **describe_error(error))
                await backoff.wait()
                continue
            backoff.reset()
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _, event=closed: event.set())
            try:
                for handler in self._handlers:
                    await connection.add_listener(handler.channel, _driver_callback(handler.on_notification))
                for handler in self._handlers:
                    handler.on_listening()
                await closed.wait()
            except Exception as error:
                if not is_transient(error) and not isinstance(error, DRIVER_ERRORS):
                    raise
                log.info("listener.reconnecting", **describe_error(error))
            finally:
                connection.terminate()


def _driver_callback(on_notification: Callable[[str], None]) -> Callable[..., None]:
    def callback(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
        on_notification(payload)

    return callback
