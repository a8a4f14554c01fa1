"""Keeps messages in one SQLite file, durable before the sender hears "250"."""

import asyncio
import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

Channel = Literal["email", "sms", "whatsapp"]
CHANNELS: tuple[str, ...] = get_args(Channel)
RETENTION_DAYS = 7
PURGE_INTERVAL_SECONDS = 3600.0
LARGEST_COMMIT = 500

_T = TypeVar("_T")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    message_key TEXT NOT NULL,
    raw BLOB NOT NULL,
    received_at_ms INTEGER NOT NULL,
    copies INTEGER NOT NULL DEFAULT 1,
    UNIQUE (channel, recipient_key, message_key)
);
CREATE INDEX IF NOT EXISTS messages_by_recipient ON messages (recipient_key, id);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (received_at_ms);
"""
_INSERT = """
INSERT INTO messages (channel, recipient, recipient_key, message_key, raw, received_at_ms) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (channel, recipient_key, message_key) DO UPDATE SET copies = copies + 1
"""
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?([^\r\n]+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Arrival:
    """One message for one recipient, as it came in: `raw` is RFC 5322 or, of a text, JSON with `from` and `body`.

    `key` tells a repeated message from a new one; None takes the Message-ID.
    """

    channel: Channel
    recipient: str
    raw: bytes
    key: str | None = None


@dataclass(frozen=True)
class Kept:
    """A message in the store. Ids grow with arrival and are never used again."""

    id: int
    channel: str
    recipient: str
    raw: bytes
    received_at_ms: int
    copies: int


class NotKept(Exception):
    """The message is not on disk and must not be acknowledged."""


class Store:
    """An async context manager. `add` returns once the message is on disk; many waiting `add`s share one fsync."""

    def __init__(self, path: Path, *, retention_days: float = RETENTION_DAYS) -> None:
        self._path = path
        self._retention_seconds = retention_days * 86_400
        self._arrivals: asyncio.Queue[tuple[Arrival, asyncio.Future[None]]] = asyncio.Queue()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="mailbox-write")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="mailbox-read")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._write_connection = await self._on_writer(self._open)
        self._read_connection = await self._on_reader(lambda: _connect(self._path))
        await self.purge()
        self._tasks = [asyncio.create_task(self._write_arrivals()), asyncio.create_task(self._purge_hourly())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._on_reader(self._read_connection.close)
        await self._on_writer(self._write_connection.close)
        self._writer.shutdown()
        self._reader.shutdown()

    async def add(self, arrivals: Sequence[Arrival]) -> None:
        """Raises NotKept, for every message that shared the failed write."""
        loop = asyncio.get_running_loop()
        waiting = [loop.create_future() for _ in arrivals]
        for arrival, future in zip(arrivals, waiting, strict=True):
            self._arrivals.put_nowait((arrival, future))
        await asyncio.gather(*waiting)

    async def find(self, message_id: int) -> Kept | None:
        found = await self._select("id = ?", [message_id], 1)
        return found[0] if found else None

    async def newest(
        self, *, to: str | None, channel: str | None, before: int | None, limit: int
    ) -> list[Kept]:
        """Newest first; `before` is an id, `to` an address in any letter case."""
        conditions, values = ["TRUE"], list[Any]()
        for condition, value in (
            ("recipient_key = ?", to and to.lower()),
            ("channel = ?", channel),
            ("id < ?", before),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return await self._select(" AND ".join(conditions), values, limit)

    async def purge(self) -> None:
        """Forgets what is older than the retention."""
        oldest_ms = int((time.time() - self._retention_seconds) * 1000)

        def delete() -> None:
            with self._write_connection as connection:
                connection.execute("DELETE FROM messages WHERE received_at_ms < ?", (oldest_ms,))

        await self._on_writer(delete)

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        self._path.chmod(0o600)
        connection = _connect(self._path)
        connection.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; {_SCHEMA}"
        )
        return connection

    async def _write_arrivals(self) -> None:
        while True:
            batch = [await self._arrivals.get()]
            while len(batch) < LARGEST_COMMIT and not self._arrivals.empty():
                batch.append(self._arrivals.get_nowait())
            failed = False
            try:
                await self._on_writer(partial(self._insert, [arrival for arrival, _ in batch]))
            except Exception:  # noqa: BLE001 - a full disk, a damaged file: the senders hear of it and keep their mails
                failed = True
            for _, future in batch:
                if future.done():
                    continue
                if failed:
                    future.set_exception(NotKept())
                else:
                    future.set_result(None)

    def _insert(self, arrivals: list[Arrival]) -> None:
        now_ms = int(time.time() * 1000)
        rows = [
            (a.channel, a.recipient, a.recipient.lower(), a.key or _message_key(a.raw), a.raw, now_ms)
            for a in arrivals
        ]
        with self._write_connection as connection:
            connection.executemany(_INSERT, rows)

    async def _select(self, condition: str, values: list[Any], limit: int) -> list[Kept]:
        statement = (
            "SELECT id, channel, recipient, raw, received_at_ms, copies FROM messages "
            f"WHERE {condition} ORDER BY id DESC LIMIT ?"
        )

        def select() -> list[Kept]:
            return [Kept(*row) for row in self._read_connection.execute(statement, [*values, limit])]

        return await self._on_reader(select)

    async def _purge_hourly(self) -> None:
        while True:
            await asyncio.sleep(PURGE_INTERVAL_SECONDS)
            await self.purge()

    async def _on_writer(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def _on_reader(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, timeout=10)


def _message_key(raw: bytes) -> str:
    """The Message-ID; a message without one is told apart by its content."""
    found = _MESSAGE_ID.search(raw[: max(raw.find(b"\r\n\r\n"), 0) or len(raw)])
    return found[1].decode("latin-1").strip() if found else "sha256:" + hashlib.sha256(raw).hexdigest()
