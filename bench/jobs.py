"""The job that Kinvite and its peers do, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.batches import Batch
from bench.contest import Freezable
from bench.sink import Sink
from bench.stages import Stage

_CURVE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Job:
    """Result of a bulk job: a file of `parents`, each with an email accepted `seconds` after the upload began.

    `cpu_seconds` is by process, for everything the contestant runs, without the load and the mail server. `curve` has
    (seconds, emails accepted so far); `beside` the CPU seconds of the load and the mail server; `transactions` the
    number of commits in the database.
    """

    parents: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_bytes: int
    curve: Sequence[tuple[float, int]] = ()
    stages: Sequence[Stage] = ()
    batches: Sequence[Batch] = ()
    transactions: int = 0
    moments: Mapping[str, float] = field(default_factory=dict)
    beside: Mapping[str, float] = field(default_factory=dict)

    @property
    def parents_per_second(self) -> float:
        """Return the throughput from the first byte of the upload to the last email."""
        return self.parents / self.seconds

    @property
    def cpu_ms_per_parent(self) -> float:
        """Return the CPU time per parent of all processes together, in milliseconds."""
        return sum(self.cpu_seconds.values()) * 1000 / self.parents


class Contestant(Freezable, Protocol):
    """Application under measurement that does the bulk job."""

    name: str

    def bulk(self, parents: int) -> Job:
        """Run the job with new parents in a new file."""


def email_curve(sink: Sink, begin: float, before: int) -> list[tuple[float, int]]:
    """Return (seconds, emails) since `begin` (`time.monotonic()`), when the sink had `before`; at most 20 points a
    second.
    """
    points: list[tuple[float, int]] = []
    for at, count in sink.curve:
        if at >= begin and (not points or at - begin - points[-1][0] >= _CURVE_SECONDS):
            points.append((at - begin, count - before))
    return [*points, (sink.curve[-1][0] - begin, sink.curve[-1][1] - before)]
