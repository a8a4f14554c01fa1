"""The conductor: a fault of several steps is not over before its last, and holds up no other."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.faults.campaign.conductor import Conductor
from tests.faults.campaign.faults import BEGIN
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World, in_steps


class _NoParts:
    def parts(self) -> list[Any]:
        return []


def _fault(number: int, kind: str, target: str) -> Fault:
    return Fault(number, kind, target, hold_seconds=0.0, gap_seconds=0.0)


def test_a_fault_in_steps_ends_with_its_last_step_and_others_begin_meanwhile(
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
        return in_steps(steps(fault))

    monkeypatch.setitem(BEGIN, "rebalance storm", begin)
    conductor = Conductor(cast("World", _NoParts()), lambda _: None)
    one, other = "signup-both-0", "roster-both-0"
    conductor.play(
        [_fault(number, "rebalance storm", target) for number, target in enumerate((one, other, one))]
    )
    conductor.heal()
    assert seen.index(f"{other} begins") < seen.index(f"{one} over")
    second = len(seen) - seen[::-1].index(f"{one} begins") - 1
    assert seen.index(f"{one} over") < second
    assert [seen.count(f"{name} over") for name in (one, other)] == [2, 1]
