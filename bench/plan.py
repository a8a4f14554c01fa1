"""Plan of a run: what is measured, how large and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes:

    `parents` of a bulk run, `crowd` of the run that a single invitation overtakes, `listed` of a large school.
    """

    runs: int = 5
    parents: int = 10_000
    crowd: int = 100_000
    clicks: int = 200
    pending: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    listed: int = 1_000_000
    peers: bool = True
    folder: Path = Path()

    @property
    def clicks_per_run(self) -> int:
        """Return the clicks of one run, so that all runs together have at least `clicks`."""
        return -(-self.clicks // self.runs)


Scenario = Callable[[Plan, Callable[[str], None]], Iterator[Figure]]
"""Scenario: yields figures as they are measured, and logs to the second argument what it leaves out."""
