"""Equal lines at a limited rate, and how many were kept back: a client without its broker says one ten times a second.

The first of equal lines passes, then one after a minute, and at most every ten minutes where they do not end. Each that
passes carries `kept_back`, the number of those since the one before. What is not equal in every word is another line,
and one with a traceback passes always.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_SECONDS = 60.0
LONGEST_SECONDS = 600.0
MOST_TEXTS = 1_000
KEPT_BACK = "kept_back"
_STAMP = "timestamp"
_FRAMES = "frames"
Key = tuple[str, int, str]


@dataclass(slots=True)
class _Line:
    """The next of these passes at `until`; as long passes between that one and the one after it, doubled."""

    until: float
    seconds: float = FIRST_SECONDS
    kept_back: int = 0
    last: logging.LogRecord | None = None


class RepeatedLineFilter(logging.Filter):
    """For a handler: lines of these loggers, and of those below them, are limited; safe in every thread."""

    def __init__(self, *loggers: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._loggers = loggers
        self._clock = clock
        self._lines: dict[Key, _Line] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line passes; it is told how many were kept back before it."""
        if _is_special(record) or not any(is_below(record.name, one) for one in self._loggers):
            return True
        text = _text(record)
        key = record.name, record.levelno, text
        now = self._clock()
        with self._lock:
            line = self._lines.get(key)
            if line is None and len(self._lines) >= MOST_TEXTS:
                return True
            if line is None:
                self._lines[key] = _Line(now + FIRST_SECONDS)
                return True
            if now < line.until:
                line.kept_back += 1
                line.last = _settled(record, text)
                return False
            kept_back, line.kept_back, line.last = line.kept_back, 0, None
            line.seconds = min(2 * line.seconds, LONGEST_SECONDS)
            line.until = now + line.seconds
        if kept_back:
            record.__dict__[KEPT_BACK] = kept_back
        return True

    def ended(self) -> list[logging.LogRecord]:
        """Of lines that did not come again when they might have: the last that was kept back. They are forgotten."""
        now = self._clock()
        with self._lock:
            over = {key: line for key, line in self._lines.items() if now >= line.until + FIRST_SECONDS}
            for key in over:
                del self._lines[key]
        found = []
        for line in over.values():
            if line.last is not None:
                line.last.__dict__[KEPT_BACK] = line.kept_back - 1
                found.append(line.last)
        return found


def is_below(name: str, logger: str) -> bool:
    """Whether it is the name of this logger or of one below it."""
    return name == logger or name.startswith(f"{logger}.")


def flush_suppressed() -> None:
    """Write what `ended` answers, for every handler of the root logger; to be called once in a while."""
    for handler in logging.getLogger().handlers:
        for limit in handler.filters:
            for record in limit.ended() if isinstance(limit, RepeatedLineFilter) else ():
                handler.handle(record)


def _is_special(record: logging.LogRecord) -> bool:
    """It has a traceback, which structlog's lines carry as frames, or was kept back before."""
    framed = isinstance(record.msg, dict) and _FRAMES in record.msg
    return bool(record.exc_info) or framed or KEPT_BACK in record.__dict__


def _text(record: logging.LogRecord) -> str:
    if isinstance(record.msg, dict):  # structlog's: the handler's formatter makes the line of it
        return repr({name: value for name, value in record.msg.items() if name != _STAMP})
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a mistake of whoever logs; the handler says so when it passes
        return f"{record.msg} {record.args!r}"


def _settled(record: logging.LogRecord, text: str) -> logging.LogRecord:
    """A copy that keeps nothing alive: arguments are errors with all that they hold."""
    kept = copy.copy(record)
    if not isinstance(record.msg, dict):
        kept.msg, kept.args = text, None
    return kept
