"""Polling until a condition holds or the time is over."""

from __future__ import annotations

import pytest

from services.dashboard.use_cases import wait_for_projection
from services.dashboard.use_cases.wait_for_projection import wait_until


async def test_the_condition_is_polled_until_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_for_projection, "POLL_SECONDS", 0.001)
    results = iter([False, False, True])

    async def check() -> bool:
        return next(results)

    assert await wait_until(check) is True
    assert list(results) == []


async def test_a_condition_that_never_holds_is_given_up() -> None:
    async def check() -> bool:
        return False

    assert await wait_until(check, timeout_seconds=0.01) is False
