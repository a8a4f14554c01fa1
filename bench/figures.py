"""The arithmetic of what was measured: medians, spans, quantiles, ratios pair by pair, and whether a goal is met."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

KINVITE = "kinvite"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be: at most `limit`, or at least where `at_least`."""

    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Whether this value will do."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {shown(self.limit)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one contestant. `scenario` is a goal's number, such as G1; `values` one per run, at least one.

    `value` stands for them all and is their median, unless it was taken over the samples of all runs together.
    """

    scenario: str
    name: str
    unit: str
    values: tuple[float, ...]
    contestant: str = KINVITE
    goal: Goal | None = None
    pooled: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The one to quote."""
        return median(self.values) if self.pooled is None else self.pooled

    @property
    def verdict(self) -> str:
        """`pass`, `missed`, or nothing where there is no goal."""
        if self.goal is None:
            return ""
        return "pass" if self.goal.met_by(self.value) else "missed"

    def as_line(self) -> str:
        """One line of JSON."""
        told = {
            "scenario": self.scenario,
            "name": self.name,
            "contestant": self.contestant,
            "unit": self.unit,
            "value": self.value,
            "min": min(self.values),
            "max": max(self.values),
            "runs": len(self.values),
            "values": list(self.values),
            "goal": str(self.goal) if self.goal else None,
            "verdict": self.verdict or None,
            **({"detail": dict(self.detail)} if self.detail else {}),
        }
        return json.dumps(told, ensure_ascii=False)


def quantile(samples: Iterable[float], share: float) -> float:
    """The smallest sample that at least `share` (0 to 1) of them do not exceed. ValueError without samples."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def pooled(
    scenario: str,
    name: str,
    runs: Sequence[Sequence[float]],
    share: float,
    *,
    contestant: str = KINVITE,
    goal: Goal | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Figure:
    """A quantile over the samples of all runs, in milliseconds; the span is that of the runs' own quantiles."""
    everything = [sample for run in runs for sample in run]
    return Figure(
        scenario,
        name,
        "ms",
        tuple(quantile(run, share) for run in runs),
        contestant,
        goal,
        pooled=quantile(everything, share),
        detail={"samples": len(everything), **(detail or {})},
    )


def pairwise(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Ours over theirs, run by run: what both had of the machine in the same minute cancels out.

    ValueError where the runs are not the same number, as then they are no pairs.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} runs cannot be paired with {len(theirs)}")
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def shown(value: float) -> str:
    """A number as people read it: three digits that matter, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
