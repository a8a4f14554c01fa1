"""Tools of the tests."""

import sys
from pathlib import Path

import pytest

from tests.support.mutants import mutants
from tests.support.stack import Part
from tests.support.waiting import eventually


async def test_eventually_returns_the_result_of_the_check() -> None:
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


async def test_a_process_that_died_can_neither_be_paused_nor_go_on(tmp_path: Path) -> None:
    part = Part("short", 1, [sys.executable, "-c", ""], tmp_path / "log", environment={})
    part.start()
    await eventually(lambda: not part.runs())
    part.pause()
    part.resume()
    part.stop()


def test_a_mutant_changes_one_place_and_no_type(tmp_path: Path) -> None:
    path = tmp_path / "rule.py"
    path.write_text("def may(age: int | None) -> bool:\n    return age is not None and not age < 18\n")
    changes = [mutant.change for mutant in mutants(path)]
    assert changes == [
        "age is not None  ->  age is None",
        "18  ->  17",
        "18  ->  19",
        "age < 18  ->  age <= 18",
        "not age < 18  ->  not not age < 18",
        "age is not None and (not age < 18)  ->  age is not None or not age < 18",
        "return age is not None and (not age < 18)  ->  return None",
    ]
    assert all(mutant.source != path.read_text() for mutant in mutants(path))
