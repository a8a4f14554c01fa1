"""Search for single emails in the files that smtp-sink writes."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.background import Background

_EVERY_SECONDS = 0.002
_RECIPIENT = b"X-Rcpt-Args: <"
_LONGEST_ADDRESS = 320
_LONGEST_DIALOGUE_SECONDS = 10


class Arrivals:
    """Reader of what the sink appends, which deletes what was read, so that a long run fills no disk.

    smtp-sink writes an email to the file of the second in which its dialogue began, before it answers the client.
    `times` has, for each recipient's address that contains `marker`, the `time.monotonic()` of the poll that found
    it.
    """

    def __init__(self, folder: Path, marker: bytes) -> None:
        self._folder = folder
        self._marker = marker
        self._read: dict[Path, int] = {}
        self._changed = threading.Condition()
        self._poller = Background(self._poll, every_seconds=_EVERY_SECONDS, failed=self._notify)
        self.times: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._poller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._poller.stop()

    def wait_for(self, address: str, *, within_seconds: float) -> float:
        """Return when the email to `address` arrived.

        Raises TimeoutError, and the exception that ended the reader.
        """
        with self._changed:
            there = self._changed.wait_for(
                lambda: address in self.times or self._poller.failure is not None, timeout=within_seconds
            )
        self._poller.check()
        if not there:
            raise TimeoutError(f"no email to the expected address after {within_seconds} s")
        return self.times[address]

    def _poll(self) -> None:
        files = sorted(path for path in self._folder.iterdir() if path.name.isdigit())
        for path in files:
            offset = self._read.get(path, 0)
            if _size(path) > offset:
                self._read[path] = self._search(path, offset)
        now = time.time()
        for path in files:
            if now - int(path.name) > _LONGEST_DIALOGUE_SECONDS and _size(path) <= self._read.get(path, 0):
                path.unlink(missing_ok=True)
                self._read.pop(path, None)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _search(self, path: Path, offset: int) -> int:
        """Record the marked recipients after `offset`; return the offset from which to read next."""
        with path.open("rb") as emails:
            emails.seek(offset)
            text = emails.read()
        text = text[: text.rfind(b"\n") + 1]  # the last line may be incomplete
        addresses: list[str] = []
        at = text.find(self._marker)
        while at >= 0:
            address = _recipient(text, at)
            if address is not None:
                addresses.append(address)
            at = text.find(self._marker, at + 1)
        self._note(addresses)
        return offset + len(text)

    def _note(self, addresses: list[str]) -> None:
        if addresses:
            now = time.monotonic()
            with self._changed:
                for address in addresses:
                    self.times.setdefault(address, now)
                self._changed.notify_all()


def _size(path: Path) -> int:
    """Return the size of the file in bytes; zero where another watch has deleted it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _recipient(text: bytes, at: int) -> str | None:
    """Return the address on whose line `at` is, if that is the recipient's line of the dialogue."""
    start = text.rfind(b"\n", max(0, at - _LONGEST_ADDRESS), at) + 1
    if not text.startswith(_RECIPIENT, start):
        return None
    return text[start + len(_RECIPIENT) : text.index(b">", at)].decode()
