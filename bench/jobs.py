"""The job that Kinvite and its peers do, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.contest import Patient
from bench.rounds import Round
from bench.sink import Sink
from bench.stages import Stage

_CURVE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Job:
    """One file of `parents`, each with a mail accepted `seconds` after the upload began.

    `cpu_seconds` is by process, everything that the contestant runs and nothing of the load or the mail server.
    `curve` has (seconds, mails accepted so far); `beside` the CPU seconds of load and mail server; `transactions` is
    how many the database committed.
    """

    parents: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_bytes: int
    curve: Sequence[tuple[float, int]] = ()
    stages: Sequence[Stage] = ()
    rounds: Sequence[Round] = ()
    transactions: int = 0
    moments: Mapping[str, float] = field(default_factory=dict)
    beside: Mapping[str, float] = field(default_factory=dict)

    @property
    def parents_per_second(self) -> float:
        """From the first byte of the upload to the last mail."""
        return self.parents / self.seconds

    @property
    def cpu_ms_per_parent(self) -> float:
        """Of all processes together."""
        return sum(self.cpu_seconds.values()) * 1000 / self.parents


class Contestant(Patient, Protocol):
    """Does the job."""

    name: str

    def bulk(self, parents: int) -> Job:
        """New parents each time, in a new file."""


def curve_of(sink: Sink, begin: float, before: int) -> list[tuple[float, int]]:
    """Mails that the sink took over since `begin` (`time.monotonic()`), when it had `before`; 20 points a second."""
    points: list[tuple[float, int]] = []
    for at, count in sink.curve:
        if at >= begin and (not points or at - begin - points[-1][0] >= _CURVE_SECONDS):
            points.append((at - begin, count - before))
    return [*points, (sink.curve[-1][0] - begin, sink.curve[-1][1] - before)]
