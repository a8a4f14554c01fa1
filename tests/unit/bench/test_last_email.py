"""A benchmark does not wait for emails of parents whom the run has skipped."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.kinvite import Kinvite
from bench.rig import Rig


def _kinvite(waits: list[float | None], run: dict[str, int]) -> Kinvite:
    """Build a contestant; each of `waits` is the result of a wait for the last email, None for a timeout."""

    def wait(_emails: int, _seconds: float) -> float:
        at = waits.pop(0)
        if at is None:
            raise TimeoutError
        return at

    sink = SimpleNamespace(wait=wait, count=lambda: 7)
    api = SimpleNamespace(run=lambda _school, _bulk: run)
    return Kinvite(cast("Rig", cast("Any", SimpleNamespace(sink=sink, api=api))))


def test_a_slow_run_is_waited_for() -> None:
    kinvite = _kinvite([None, None, 12.5], {"skipped_total": 0, "failed_total": 0})
    assert kinvite._last_email("school", "run", 10) == 12.5


@pytest.mark.parametrize("short", ["skipped_total", "failed_total"])
def test_a_run_that_skips_a_parent_is_reported_at_once(short: str) -> None:
    kinvite = _kinvite([None], {"skipped_total": 0, "failed_total": 0, short: 3})
    with pytest.raises(RuntimeError, match="7 mails where 10 are due"):
        kinvite._last_email("school", "run", 10)
