"""Message store in one SQLite file. A message is on disk before its sender gets an acknowledgement."""

from __future__ import annotations

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
MAX_BATCH_SIZE = 500

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
    """Incoming message to one recipient. `raw` is RFC 5322, or JSON with `from` and `body` for a text message.

    `key` is the deduplication id of the message; None takes the Message-ID.
    """

    channel: Channel
    recipient: str
    raw: bytes
    key: str | None = None


@dataclass(frozen=True)
class StoredMessage:
    """Message in the store. Ids grow in the order of arrival and are never reused.

    `arrival_count` is how often the message has arrived.
    """

    id: int
    channel: str
    recipient: str
    raw: bytes
    received_at_ms: int
    arrival_count: int


class NotStored(Exception):
    """Failed write: the message is not on disk and must not be acknowledged."""


class Store:
    """Async context manager over the database. Concurrent calls of `add` share one commit and thus one fsync.

    Messages older than `retention_days` are deleted on entry and then every hour.
    """

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
        """Store messages and return when they are on disk. Raises NotStored if the shared commit failed.

        A message that is already there is counted as one more copy.
        """
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in arrivals]
        for arrival, future in zip(arrivals, futures, strict=True):
            self._arrivals.put_nowait((arrival, future))
        await asyncio.gather(*futures)

    async def find(self, message_id: int) -> StoredMessage | None:
        """Return a message by its id."""
        rows = await self._select("id = ?", [message_id], 1)
        return rows[0] if rows else None

    async def list_newest(
        self, *, to: str | None, channel: str | None, before: int | None, limit: int
    ) -> list[StoredMessage]:
        """Return messages, newest first: those with an id below `before`, and those to the address `to` in any case."""
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
        """Delete messages that are older than the retention period."""
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
            while len(batch) < MAX_BATCH_SIZE and not self._arrivals.empty():
                batch.append(self._arrivals.get_nowait())
            has_failed = False
            try:
                await self._on_writer(partial(self._insert, [arrival for arrival, _ in batch]))
            except Exception:  # noqa: BLE001 - a full disk or a damaged file: the senders keep their messages and retry
                has_failed = True
            for _, future in batch:
                if future.done():
                    continue
                if has_failed:
                    future.set_exception(NotStored())
                else:
                    future.set_result(None)

    def _insert(self, arrivals: list[Arrival]) -> None:
        now_ms = int(time.time() * 1000)
        rows = [
            (
                *(arrival.channel, arrival.recipient, arrival.recipient.lower()),
                *(arrival.key or message_key(arrival.raw), arrival.raw, now_ms),
            )
            for arrival in arrivals
        ]
        with self._write_connection as connection:
            connection.executemany(_INSERT, rows)

    async def _select(self, condition: str, values: list[Any], limit: int) -> list[StoredMessage]:
        statement = (
            "SELECT id, channel, recipient, raw, received_at_ms, copies FROM messages "
            f"WHERE {condition} ORDER BY id DESC LIMIT ?"
        )

        def select() -> list[StoredMessage]:
            return [StoredMessage(*row) for row in self._read_connection.execute(statement, [*values, limit])]

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


def message_key(raw: bytes) -> str:
    """Return the deduplication id of an e-mail message: its Message-ID, or a digest of the whole message."""
    match = _MESSAGE_ID.search(raw[: max(raw.find(b"\r\n\r\n"), 0) or len(raw)])
    return match[1].decode("latin-1").strip() if match else "sha256:" + hashlib.sha256(raw).hexdigest()
