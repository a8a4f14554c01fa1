"""State of the simulation: how recipients behave, which numbers have opted out, and each accepted text message."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

Behaviour = Literal["refuse", "bounce", "delay", "throttle", "hang", "drop", "silent", "stop"]
BEHAVIOURS: tuple[str, ...] = get_args(Behaviour)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS behaviours (
    recipient_key TEXT PRIMARY KEY, recipient TEXT NOT NULL, behaviour TEXT NOT NULL, times INTEGER, code INTEGER
);
CREATE TABLE IF NOT EXISTS stopped (number TEXT, channel TEXT, PRIMARY KEY (number, channel));
CREATE TABLE IF NOT EXISTS copies (
    sid TEXT PRIMARY KEY, channel TEXT NOT NULL, sender TEXT NOT NULL, number TEXT NOT NULL, body TEXT NOT NULL,
    status TEXT NOT NULL, ends_as TEXT NOT NULL, code INTEGER, report_to TEXT NOT NULL,
    created_at REAL NOT NULL, reported INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS copies_unreported ON copies (created_at) WHERE NOT reported;
CREATE INDEX IF NOT EXISTS copies_by_report ON copies (report_to, created_at);
CREATE INDEX IF NOT EXISTS copies_by_number ON copies (number, created_at);
"""


@dataclass(frozen=True)
class RecipientBehaviour:
    """Behaviour of one recipient. `times` counts down to its end; None means without end.

    `code` replaces the default error code of a text message.
    """

    to: str
    behaviour: Behaviour
    times: int | None = None
    code: int | None = None


@dataclass(frozen=True)
class TextMessage:
    """Accepted text message. `status` is its current provider status and `ends_as` its final one.

    `report_to` is the URL for delivery reports, empty for none. A message that is sent again becomes a second one.
    """

    sid: str
    channel: str
    sender: str
    number: str
    body: str
    status: str
    ends_as: str
    code: int | None
    report_to: str
    created_at: float


_COLUMNS = ", ".join(TextMessage.__dataclass_fields__)


class State:
    """Context manager over one small SQLite file. Calls take microseconds, so none of them is asynchronous.

    Text messages older than `retention_seconds` are deleted when it is opened.
    """

    def __init__(self, path: Path, *, retention_seconds: float) -> None:
        self._path = path
        self._retention_seconds = retention_seconds

    def __enter__(self) -> Self:
        self._path.touch(mode=0o600)
        self._path.chmod(0o600)
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        oldest = time.time() - self._retention_seconds
        self._connection.execute("DELETE FROM copies WHERE created_at < ?", (oldest,))
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def set_behaviour(self, behaviour: RecipientBehaviour) -> None:
        """Save a behaviour; it replaces an earlier one of the same recipient."""
        self._connection.execute(
            "INSERT OR REPLACE INTO behaviours VALUES (?, ?, ?, ?, ?)",
            (_key(behaviour.to), behaviour.to, behaviour.behaviour, behaviour.times, behaviour.code),
        )

    def delete_behaviours(self, to: str | None) -> None:
        """Delete the behaviour of one recipient, or of all recipients if `to` is None."""
        if to is None:
            self._connection.execute("DELETE FROM behaviours")
        else:
            self._connection.execute("DELETE FROM behaviours WHERE recipient_key = ?", (_key(to),))

    def list_behaviours(self) -> list[RecipientBehaviour]:
        """Return all behaviours in the order in which they were set."""
        rows = self._connection.execute(
            "SELECT recipient, behaviour, times, code FROM behaviours ORDER BY rowid"
        )
        return [RecipientBehaviour(*row) for row in rows]

    def consume_behaviour(self, to: str, *candidates: Behaviour) -> RecipientBehaviour | None:
        """Return the recipient's behaviour if it is one of `candidates`, and count it as used once."""
        row = self._connection.execute(
            "SELECT recipient, behaviour, times, code FROM behaviours WHERE recipient_key = ?", (_key(to),)
        ).fetchone()
        if row is None or row[1] not in candidates:
            return None
        if row[2] is not None:
            self._count_down(to, row[2])
        return RecipientBehaviour(*row)

    def _count_down(self, to: str, times: int) -> None:
        if times <= 1:
            self.delete_behaviours(to)
        else:
            self._connection.execute(
                "UPDATE behaviours SET times = times - 1 WHERE recipient_key = ?", (_key(to),)
            )

    def has_opted_out(self, number: str, channel: str) -> bool:
        """Return whether the number accepts no messages on this channel."""
        rows = self._connection.execute(
            "SELECT 1 FROM stopped WHERE number = ? AND channel = ?", (number, channel)
        )
        return rows.fetchone() is not None

    def opt_out(self, number: str, channel: str) -> None:
        """Save that the number accepts no more messages on this channel."""
        self._connection.execute("INSERT OR IGNORE INTO stopped VALUES (?, ?)", (number, channel))

    def opt_in(self, number: str, channel: str) -> None:
        """Save that the number accepts messages on this channel again."""
        self._connection.execute("DELETE FROM stopped WHERE number = ? AND channel = ?", (number, channel))

    def insert_text(self, text: TextMessage) -> None:
        """Insert an accepted text message as not yet reported."""
        values = [getattr(text, name) for name in TextMessage.__dataclass_fields__]
        placeholders = ", ".join("?" * len(values))
        self._connection.execute(f"INSERT INTO copies ({_COLUMNS}) VALUES ({placeholders})", values)

    def update_status(self, sid: str, status: str, *, reported: bool = False) -> None:
        """Set the status of a text message, and whether its final status was reported."""
        self._connection.execute(
            "UPDATE copies SET status = ?, reported = ? WHERE sid = ?", (status, reported, sid)
        )

    def find_text(self, sid: str) -> TextMessage | None:
        """Return a text message by its SID."""
        return next(iter(self._select("sid = ?", [sid], 1)), None)

    def list_texts(self, number: str | None, limit: int) -> list[TextMessage]:
        """Return text messages, newest first: those to one number, or all if `number` is None."""
        return self._select("number = ?", [number], limit) if number else self._select("TRUE", [], limit)

    def find_newest_text(self, sid: str) -> TextMessage | None:
        """Return the newest acceptance of the message with this SID.

        Messages with the same URL for delivery reports are acceptances of one message.
        """
        condition = (
            "report_to = (SELECT report_to FROM copies WHERE sid = ?) AND (report_to <> '' OR sid = ?)"
        )
        return next(iter(self._select(condition, [sid, sid], 1)), None)

    def list_unreported(self) -> list[TextMessage]:
        """Return the text messages whose final status was not reported, oldest first."""
        return self._select("NOT reported", [], 100_000)[::-1]

    def _select(self, condition: str, values: Sequence[object], limit: int) -> list[TextMessage]:
        statement = f"SELECT {_COLUMNS} FROM copies WHERE {condition} ORDER BY created_at DESC LIMIT ?"
        return [TextMessage(*row) for row in self._connection.execute(statement, [*values, limit])]


def _key(to: str) -> str:
    return to.strip().lower()
