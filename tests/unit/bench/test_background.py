"""A background thread polls, and keeps its failure."""

import threading

import pytest

from bench.background import Background


def test_it_looks_until_it_is_stopped() -> None:
    seen = threading.Semaphore(0)
    looking = Background(seen.release, every_seconds=0.0)
    looking.start()
    for _ in range(3):
        assert seen.acquire(timeout=30)
    looking.stop()
    looking.check()
    assert not looking._thread.is_alive()


def test_a_failure_ends_it_and_is_raised_where_it_is_asked_for() -> None:
    told = threading.Event()
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        raise OSError("gone")

    looking = Background(look, every_seconds=0.0, failed=told.set)
    looking.start()
    assert told.wait(30)
    looking.stop()
    assert looks == [1]
    with pytest.raises(OSError, match="gone"):
        looking.check()
