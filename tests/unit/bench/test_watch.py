"""Timestamps of the sink's counter, and the search for single emails."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.sink import Arrivals, Watch
from bench.sink.changes import Changes

EMAIL = b"X-Client-Addr: 127.0.0.1\nX-Mail-Args: <school@example.org>\nX-Rcpt-Args: <%s>\n\nTo: %s\n\nHello\n"


class Counter:
    """A counter that a test sets."""

    def __init__(self) -> None:
        self._value = 0
        self._changed = threading.Event()

    def __call__(self) -> int:
        return self._value

    def set(self, value: int) -> None:
        self._value = value
        self._changed.set()

    def changed(self, seconds: float) -> bool:
        changed = self._changed.wait(seconds)
        self._changed.clear()
        return changed


@contextmanager
def watching(counter: Callable[[], int], changed: Callable[[float], bool]) -> Iterator[Watch]:
    watch = Watch(counter, changed)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def test_a_watch_returns_when_a_count_was_reached() -> None:
    counter = Counter()
    with watching(counter, counter.changed) as watch:
        before = time.monotonic()
        counter.set(3)
        seen = watch.wait(2, timeout=30)
        after = time.monotonic()
        assert before <= seen <= after
        counter.set(5)
        watch.wait(5, timeout=30)
    assert [count for _, count in watch.curve] == [0, 3, 5]
    assert watch.time_of(1) == watch.time_of(3) == seen < watch.time_of(4)


def test_a_count_that_is_not_reached_is_an_error() -> None:
    counter = Counter()
    with watching(counter, counter.changed) as watch:
        with pytest.raises(TimeoutError, match="0 of 1"):
            watch.wait(1, timeout=0.01)
        with pytest.raises(LookupError):
            watch.time_of(1)


def test_a_counter_that_fails_ends_the_wait() -> None:
    def broken(seconds: float) -> bool:
        raise OSError("gone")

    with watching(Counter(), broken) as watch, pytest.raises(OSError, match="gone"):
        watch.wait(1, timeout=30)


def test_changes_of_a_file_are_reported_once(tmp_path: Path) -> None:
    file = tmp_path / "counters"
    file.touch()
    changes = Changes(file)
    assert not changes.wait(0)
    with file.open("ab", buffering=0) as writer:
        writer.write(b"1")
        writer.write(b"2")
    assert changes.wait(30)
    assert not changes.wait(0)
    changes.close()


def test_arrivals_finds_marked_recipients_and_no_mere_mention(tmp_path: Path) -> None:
    second = tmp_path / str(int(time.time()))
    with Arrivals(tmp_path, b"single-") as arrivals:
        with second.open("wb", buffering=0) as emails:
            emails.write(EMAIL % (b"other@example.org", b"single-0@example.org"))
            emails.write((EMAIL % (b"single-1@example.org", b"single-1@example.org"))[:90])
            emails.write((EMAIL % (b"single-1@example.org", b"single-1@example.org"))[90:])
        before = time.monotonic()
        (tmp_path / str(int(second.name) + 1)).write_bytes(EMAIL % (b"single-2@x.org", b"single-2@x.org"))
        assert arrivals.wait_for("single-2@x.org", within_seconds=30) > before
        arrivals.wait_for("single-1@example.org", within_seconds=30)
    assert set(arrivals.times) == {"single-1@example.org", "single-2@x.org"}


def test_arrivals_drops_what_was_read_long_ago(tmp_path: Path) -> None:
    old = tmp_path / str(int(time.time()) - 3_600)
    old.write_bytes(EMAIL % (b"single-1@x.org", b"single-1@x.org"))
    arrivals = Arrivals(tmp_path, b"single-")
    arrivals._poll()
    assert set(arrivals.times) == {"single-1@x.org"}
    assert not old.exists()
