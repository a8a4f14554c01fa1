"""What the mailbox plays: how recipients behave, who said STOP, and what becomes of each text message."""

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
class Play:
    """How a recipient behaves. `times` counts down; None is for ever. `code` replaces a text message's usual one."""

    to: str
    behaviour: Behaviour
    times: int | None = None
    code: int | None = None


@dataclass(frozen=True)
class Copy:
    """A text message that was taken over. `status` is the provider's word now, `ends_as` the one it will end with."""

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


_COLUMNS = ", ".join(Copy.__dataclass_fields__)


class State:
    """A context manager over one small file. Every call is a few microseconds, so none of them waits."""

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

    def set(self, play: Play) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO behaviours VALUES (?, ?, ?, ?, ?)",
            (_key(play.to), play.to, play.behaviour, play.times, play.code),
        )

    def forget(self, to: str | None) -> None:
        """One recipient's behaviour, or with None all of them."""
        if to is None:
            self._connection.execute("DELETE FROM behaviours")
        else:
            self._connection.execute("DELETE FROM behaviours WHERE recipient_key = ?", (_key(to),))

    def plays(self) -> list[Play]:
        rows = self._connection.execute(
            "SELECT recipient, behaviour, times, code FROM behaviours ORDER BY rowid"
        )
        return [Play(*row) for row in rows]

    def take(self, to: str, *among: Behaviour) -> Play | None:
        """The recipient's behaviour if it is one of these; it counts as shown once more."""
        row = self._connection.execute(
            "SELECT recipient, behaviour, times, code FROM behaviours WHERE recipient_key = ?", (_key(to),)
        ).fetchone()
        if row is None or row[1] not in among:
            return None
        if row[2] is not None:
            self._count_down(to, row[2])
        return Play(*row)

    def _count_down(self, to: str, times: int) -> None:
        if times <= 1:
            self.forget(to)
        else:
            self._connection.execute(
                "UPDATE behaviours SET times = times - 1 WHERE recipient_key = ?", (_key(to),)
            )

    def has_stopped(self, number: str, channel: str) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM stopped WHERE number = ? AND channel = ?", (number, channel)
        )
        return found.fetchone() is not None

    def stop(self, number: str, channel: str) -> None:
        self._connection.execute("INSERT OR IGNORE INTO stopped VALUES (?, ?)", (number, channel))

    def start(self, number: str, channel: str) -> None:
        self._connection.execute("DELETE FROM stopped WHERE number = ? AND channel = ?", (number, channel))

    def add(self, copy: Copy) -> None:
        values = [getattr(copy, name) for name in Copy.__dataclass_fields__]
        marks = ", ".join("?" * len(values))
        self._connection.execute(f"INSERT INTO copies ({_COLUMNS}) VALUES ({marks})", values)

    def move(self, sid: str, status: str, *, reported: bool = False) -> None:
        self._connection.execute(
            "UPDATE copies SET status = ?, reported = ? WHERE sid = ?", (status, reported, sid)
        )

    def copy(self, sid: str) -> Copy | None:
        return next(iter(self._select("sid = ?", [sid], 1)), None)

    def copies(self, number: str | None, limit: int) -> list[Copy]:
        """Newest first, to one number or to all."""
        return self._select("number = ?", [number], limit) if number else self._select("TRUE", [], limit)

    def standing(self, sid: str) -> Copy | None:
        """The newest copy of the message of which `sid` is one, told again by where its reports go."""
        condition = (
            "report_to = (SELECT report_to FROM copies WHERE sid = ?) AND (report_to <> '' OR sid = ?)"
        )
        return next(iter(self._select(condition, [sid, sid], 1)), None)

    def unreported(self) -> list[Copy]:
        """Whose end nobody has been told."""
        return self._select("NOT reported", [], 100_000)[::-1]

    def _select(self, condition: str, values: Sequence[object], limit: int) -> list[Copy]:
        statement = f"SELECT {_COLUMNS} FROM copies WHERE {condition} ORDER BY created_at DESC LIMIT ?"
        return [Copy(*row) for row in self._connection.execute(statement, [*values, limit])]


def _key(to: str) -> str:
    return to.strip().lower()
