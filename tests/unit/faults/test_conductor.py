"""The conductor: a fault of several steps is not over before its last, and delays no other."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.faults.campaign.conductor import Conductor
from tests.faults.campaign.faults import BEGIN
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World, stepwise_undo


class _NoParts:
    def parts(self) -> list[Any]:
        return []


class _DiesWhileItIsAwaited:
    """Part that was just killed: it still counts as running at first, is dead at the second poll, and ready once
    restarted.
    """

    name = "notifier-both-0"

    def __init__(self) -> None:
        self.polls, self.starts = 0, 0

    def runs(self) -> bool:
        self.polls += 1
        return self.polls == 1 or self.starts > 0

    def is_ready(self) -> bool:
        return self.starts > 0

    def start(self) -> None:
        self.starts += 1


class _OnePart(_NoParts):
    def __init__(self, part: _DiesWhileItIsAwaited) -> None:
        self.part = part
        self.notes: list[str] = []

    def parts(self) -> list[Any]:
        return [self.part]

    def note(self, what: str) -> None:
        self.notes.append(what)


def _fault(number: int, kind: str, target: str) -> Fault:
    return Fault(number, kind, target, hold_seconds=0.0, gap_seconds=0.0)


def test_a_fault_in_steps_ends_with_its_last_step_and_others_begin_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def steps(fault: Fault) -> Iterator[float]:
        for step in ("ends", "starts"):
            seen.append(f"{fault.target} {step}")
            yield 0.0
        seen.append(f"{fault.target} over")

    def begin(_world: World, fault: Fault) -> Undo:
        seen.append(f"{fault.target} begins")
        return stepwise_undo(steps(fault))

    monkeypatch.setitem(BEGIN, "rebalance storm", begin)
    conductor = Conductor(cast("World", _NoParts()), lambda _: None)
    first, second = "signup-both-0", "roster-both-0"
    conductor.play(
        [_fault(number, "rebalance storm", target) for number, target in enumerate((first, second, first))]
    )
    conductor.heal()
    assert seen.index(f"{second} begins") < seen.index(f"{first} over")
    second_begin = len(seen) - seen[::-1].index(f"{first} begins") - 1
    assert seen.index(f"{first} over") < second_begin
    assert [seen.count(f"{name} over") for name in (first, second)] == [2, 1]


def test_a_process_whose_death_is_not_complete_when_healing_begins_is_started_again() -> None:
    part = _DiesWhileItIsAwaited()
    world = _OnePart(part)
    Conductor(cast("World", world), lambda _: None).heal()
    assert (part.starts, world.notes) == (1, ["restarted by the conductor"])


def test_a_fault_of_a_process_that_has_just_died_waits_until_it_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part = _DiesWhileItIsAwaited()
    part.polls = 1  # dead at once
    seen: list[int] = []

    def begin(_world: World, _fault: Fault) -> Undo:
        seen.append(part.starts)
        return lambda: None

    monkeypatch.setitem(BEGIN, "pause", begin)
    Conductor(cast("World", _OnePart(part)), lambda _: None).play([_fault(0, "pause", part.name)])
    assert seen == [1]
