"""Arithmetic of measurements: medians, spans, quantiles, pairwise ratios, and whether a goal is met."""

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
    """Target for a figure: at most `limit`, or at least `limit` where `at_least` is set."""

    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Return whether this value meets the goal."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {format_number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one contestant. `scenario` is the number of a goal, such as G1; `values` has one value per run,
    at least one.

    `value` stands for them all: their median, or `pooled`, a quantile over the samples of all runs together.
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
        """Return the value to quote."""
        return median(self.values) if self.pooled is None else self.pooled

    @property
    def verdict(self) -> str:
        """Return `pass` or `missed`, or an empty string where there is no goal."""
        if self.goal is None:
            return ""
        return "pass" if self.goal.met_by(self.value) else "missed"

    def as_line(self) -> str:
        """Return the figure as one line of JSON."""
        content = {
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
        return json.dumps(content, ensure_ascii=False)


def quantile(samples: Iterable[float], share: float) -> float:
    """Return the smallest sample that at least `share` (0 to 1) of them do not exceed.

    Raises ValueError without samples.
    """
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
    """Return a figure from a quantile over the samples of all runs, in milliseconds; its span is that of the runs'
    quantiles.
    """
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


def pairwise(values: Sequence[float], reference: Sequence[float]) -> tuple[float, ...]:
    """Return the ratios of two contestants run by run, which cancels out what both had of the machine in the same
    minutes.

    Raises ValueError if the numbers of runs differ.
    """
    if len(values) != len(reference):
        raise ValueError(f"{len(values)} runs cannot be paired with {len(reference)}")
    return tuple(a / b for a, b in zip(values, reference, strict=True))


def format_number(value: float) -> str:
    """Format a number for people: three significant digits, with thousands separators."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
