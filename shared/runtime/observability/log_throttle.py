"""Throttling of repeated log lines: a client without its broker logs one ten times a second.

The first of equal lines passes, then one after a minute, and later one every ten minutes. Each line that passes carries
`kept_back`, the number of lines suppressed since the one before. Lines are equal if every word is; a line with a
traceback always passes.
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
_TIMESTAMP = "timestamp"
_FRAMES = "frames"
Key = tuple[str, int, str]


@dataclass(slots=True)
class _Line:
    """State of one repeated line. The next one passes at `until`; `seconds` is the current interval."""

    until: float
    seconds: float = FIRST_SECONDS
    kept_back: int = 0
    last: logging.LogRecord | None = None


class RepeatedLineFilter(logging.Filter):
    """Filter of a handler that throttles the lines of these loggers and of those below them. Thread-safe."""

    def __init__(self, *loggers: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._loggers = loggers
        self._clock = clock
        self._lines: dict[Key, _Line] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line passes, and add to it the number of lines suppressed before it."""
        if _is_special(record) or not any(is_below(record.name, logger) for logger in self._loggers):
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
                line.last = _detached_copy(record, text)
                return False
            kept_back, line.kept_back, line.last = line.kept_back, 0, None
            line.seconds = min(2 * line.seconds, LONGEST_SECONDS)
            line.until = now + line.seconds
        if kept_back:
            record.__dict__[KEPT_BACK] = kept_back
        return True

    def ended(self) -> list[logging.LogRecord]:
        """Return, and forget, the last suppressed record of each line that has not been repeated since."""
        now = self._clock()
        with self._lock:
            over = {key: line for key, line in self._lines.items() if now >= line.until + FIRST_SECONDS}
            for key in over:
                del self._lines[key]
        last_records = []
        for line in over.values():
            if line.last is not None:
                line.last.__dict__[KEPT_BACK] = line.kept_back - 1
                last_records.append(line.last)
        return last_records


def is_below(name: str, logger: str) -> bool:
    """Return whether `name` is the name of the logger or of one below it."""
    return name == logger or name.startswith(f"{logger}.")


def flush_suppressed() -> None:
    """Write the records that `ended` returns, for every handler of the root logger. Call it at intervals."""
    for handler in logging.getLogger().handlers:
        for limit in handler.filters:
            for record in limit.ended() if isinstance(limit, RepeatedLineFilter) else ():
                handler.handle(record)


def _is_special(record: logging.LogRecord) -> bool:
    """Return whether the line always passes: it has a traceback, or it was suppressed before."""
    framed = isinstance(record.msg, dict) and _FRAMES in record.msg
    return bool(record.exc_info) or framed or KEPT_BACK in record.__dict__


def _text(record: logging.LogRecord) -> str:
    if isinstance(record.msg, dict):  # structlog's: the handler's formatter makes the line of it
        return repr({name: value for name, value in record.msg.items() if name != _TIMESTAMP})
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a mistake of whoever logs; the handler reports it when the line passes
        return f"{record.msg} {record.args!r}"


def _detached_copy(record: logging.LogRecord, text: str) -> logging.LogRecord:
    """Return a copy of the record that keeps no object alive: arguments may be errors with all that they refer to."""
    detached = copy.copy(record)
    if not isinstance(record.msg, dict):
        detached.msg, detached.args = text, None
    return detached
