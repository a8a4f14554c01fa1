"""The job that Kinvite and its peers do, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from bench.stages import Stage


@dataclass(frozen=True, slots=True)
class Job:
    """One file of `parents`, each with a mail accepted `seconds` after the upload began.

    `cpu_seconds` is by process, everything that the contestant runs and nothing of the load or the mail server.
    `curve` has (seconds, mails accepted so far).
    """

    parents: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_bytes: int
    curve: Sequence[tuple[float, int]] = ()
    stages: Sequence[Stage] = ()
    moments: Mapping[str, float] = field(default_factory=dict)

    @property
    def parents_per_second(self) -> float:
        """From the first byte of the upload to the last mail."""
        return self.parents / self.seconds

    @property
    def cpu_ms_per_parent(self) -> float:
        """Of all processes together."""
        return sum(self.cpu_seconds.values()) * 1000 / self.parents


class Contestant(Protocol):
    """Does the job. While others do it, it stands still inside `aside()`."""

    name: str

    def bulk(self, parents: int) -> Job:
        """New parents each time, in a new file."""

    def aside(self) -> AbstractContextManager[None]:
        """It takes no CPU inside; afterwards it is as ready as before."""
