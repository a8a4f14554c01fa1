"""A connection that breaks at any moment costs the listener that connection and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from shared.runtime.database import Database, NotificationHandler
from shared.runtime.database.notifications import NotificationListener


class _Connection:
    def __init__(self, breaks: Exception | None) -> None:
        self._breaks = breaks
        self.terminated = False

    def add_termination_listener(self, _ended: Callable[[Any], None]) -> None:
        """It does not end by itself here."""

    async def add_listener(self, _channel: str, _received: Callable[..., None]) -> None:
        if self._breaks is not None:
            raise self._breaks

    def terminate(self) -> None:
        self.terminated = True


@pytest.mark.parametrize(
    "breaks",
    [
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("where", ["connecting", "listening"])
async def test_i15_a_connection_that_breaks_while_listening_begins_is_replaced(
    breaks: Exception, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = _Connection(breaks), _Connection(None)
    answers: list[Any] = [breaks if where == "connecting" else broken, whole]

    async def connect(_dsn: str, **_: Any) -> _Connection:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        connection: _Connection = answer
        return connection

    monkeypatch.setattr(asyncpg, "connect", connect)
    joined = asyncio.Event()
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="roster")
    listener = NotificationListener(database, [NotificationHandler("channel", lambda _: None, joined.set)])
    running = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(20):
            await joined.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert whole.terminated, "the whole one is ended with the listener"
    assert broken.terminated is (where == "listening")
