"""The tests' own tools."""

import pytest

from tests.support.waiting import eventually


async def test_eventually_hands_back_what_the_check_returned() -> None:
    attempts: list[int] = []

    def check() -> str:
        attempts.append(1)
        assert len(attempts) > 2
        return "there"

    assert await eventually(check, every_seconds=0.001) == "there"


async def test_eventually_raises_the_last_assertion_at_the_deadline() -> None:
    async def check() -> None:
        raise AssertionError("never")

    with pytest.raises(AssertionError, match="never"):
        await eventually(check, within_seconds=0.01, every_seconds=0.001)


async def test_eventually_takes_false_for_not_yet() -> None:
    with pytest.raises(AssertionError, match="still False"):
        await eventually(lambda: False, within_seconds=0.01, every_seconds=0.001)


async def test_eventually_lets_other_errors_pass_at_once() -> None:
    def check() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await eventually(check)
