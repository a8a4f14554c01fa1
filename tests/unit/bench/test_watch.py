"""The clock beside the sink's counter, and the search for single mails."""

import time
from pathlib import Path

import pytest

from bench.sink import Arrivals, Watch

MAIL = b"X-Client-Addr: 127.0.0.1\nX-Mail-Args: <school@example.org>\nX-Rcpt-Args: <%s>\n\nTo: %s\n\nHello\n"


class Counter:
    """A counter that a test sets."""

    def __init__(self) -> None:
        self.value = 0

    def __call__(self) -> int:
        return self.value


def test_a_watch_says_when_a_count_was_reached() -> None:
    counter = Counter()
    with Watch(counter, 0.001) as watch:
        before = time.perf_counter()
        counter.value = 3
        seen = watch.wait_for(2, within_seconds=30)
        after = time.perf_counter()
        assert before <= seen <= after
        counter.value = 5
        watch.wait_for(5, within_seconds=30)
    assert [count for _, count in watch.curve] == [0, 3, 5]
    assert watch.time_of(1) == watch.time_of(3) == seen < watch.time_of(4)


def test_a_count_that_is_not_reached_is_an_error() -> None:
    with Watch(Counter(), 0.001) as watch:
        with pytest.raises(TimeoutError, match="0 of 1"):
            watch.wait_for(1, within_seconds=0.01)
        with pytest.raises(LookupError):
            watch.time_of(1)


def test_a_counter_that_fails_ends_the_wait() -> None:
    def broken() -> int:
        raise OSError("gone")

    watch = Watch(lambda: 0, 0.001)
    with watch:
        watch._counter = broken
        with pytest.raises(OSError, match="gone"):
            watch.wait_for(1, within_seconds=30)


def test_arrivals_finds_marked_recipients_and_no_mere_mention(tmp_path: Path) -> None:
    second = tmp_path / str(int(time.time()))
    with Arrivals(tmp_path, b"single-") as arrivals:
        with second.open("wb", buffering=0) as mails:
            mails.write(MAIL % (b"other@example.org", b"single-0@example.org"))
            mails.write((MAIL % (b"single-1@example.org", b"single-1@example.org"))[:90])
            mails.write((MAIL % (b"single-1@example.org", b"single-1@example.org"))[90:])
        before = time.perf_counter()
        (tmp_path / str(int(second.name) + 1)).write_bytes(MAIL % (b"single-2@x.org", b"single-2@x.org"))
        assert arrivals.wait_for("single-2@x.org", within_seconds=30) > before
        arrivals.wait_for("single-1@example.org", within_seconds=30)
    assert set(arrivals.times) == {"single-1@example.org", "single-2@x.org"}


def test_arrivals_drops_what_was_read_long_ago(tmp_path: Path) -> None:
    old = tmp_path / str(int(time.time()) - 3_600)
    old.write_bytes(MAIL % (b"single-1@x.org", b"single-1@x.org"))
    arrivals = Arrivals(tmp_path, b"single-")
    arrivals._look()
    assert set(arrivals.times) == {"single-1@x.org"}
    assert not old.exists()
