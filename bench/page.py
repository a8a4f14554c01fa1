"""An open page of the dashboard: which changes its stream delivers, and when."""

import json
import threading
import time
from types import TracebackType
from typing import Self

from bench.background import Background
from bench.stream import Stream

_OPEN_WITHIN_SECONDS = 60.0


class Page:
    """Context manager that reads a stream in the background; it is entered when the first event has arrived."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._open = False
        self._sent: dict[str, float] = {}
        self._changed = threading.Condition()
        self._reading = Background(self._read, every_seconds=0.0, failed=self._notify)

    def __enter__(self) -> Self:
        self._reading.start()
        with self._changed:
            opened = self._changed.wait_for(lambda: self._open or self._reading.failure, _OPEN_WITHIN_SECONDS)
        self._reading.check()
        if not opened:
            raise TimeoutError("the stream of a page is silent")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._reading.stop()

    def sent_at(self, parent_id: str, within_seconds: float) -> float:
        """Return when (`time.monotonic()`) the stream reported the parent's email as sent. Raises TimeoutError."""
        with self._changed:
            was_notified = self._changed.wait_for(
                lambda: parent_id in self._sent or self._reading.failure, within_seconds
            )
        self._reading.check()
        if not was_notified:
            raise TimeoutError("an open page did not show a sent email")
        return self._sent[parent_id]

    def _read(self) -> None:
        line, now = self._stream.line(), time.monotonic()
        with self._changed:
            self._open = self._open or line == "event: reload"
            if line.startswith("data: "):
                for parent in json.loads(line.removeprefix("data: ")).get("parents", ()):
                    if parent["delivery"] == "sent":
                        self._sent.setdefault(parent["parent_id"], now)
            self._changed.notify_all()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
