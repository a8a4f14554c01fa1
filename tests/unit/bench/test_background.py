"""A background thread polls, and keeps its failure."""

import threading

import pytest

from bench.background import Background


def test_it_polls_until_it_is_stopped() -> None:
    seen = threading.Semaphore(0)
    poller = Background(seen.release, every_seconds=0.0)
    poller.start()
    for _ in range(3):
        assert seen.acquire(timeout=30)
    poller.stop()
    poller.check()
    assert not poller._thread.is_alive()


def test_a_failure_ends_it_and_is_raised_where_it_is_asked_for() -> None:
    notified = threading.Event()
    polls: list[int] = []

    def poll() -> None:
        polls.append(1)
        raise OSError("gone")

    poller = Background(poll, every_seconds=0.0, failed=notified.set)
    poller.start()
    assert notified.wait(30)
    poller.stop()
    assert polls == [1]
    with pytest.raises(OSError, match="gone"):
        poller.check()
