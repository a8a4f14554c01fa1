"""World of a campaign: the stack, the load, and a record of everything that was done to them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.campaign.load import Load
from tests.faults.campaign.site import Site
from tests.support.brokers.kafka import KafkaFromJars
from tests.support.postgres import Cluster
from tests.support.stack import Part, Stack

Undo = Callable[[], float | None]
"""Takes a fault back. It answers None once it is over, else after how many seconds it wants to be asked again."""
End = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """An interval that may leave a provider's answer unrecorded, in seconds since 1970."""

    what: str
    began_at: float
    ended_at: float


def stepwise_undo(steps: Iterator[float]) -> Undo:
    """Return the undo of a fault of several steps; each step yields the seconds until the next, while other faults go
    on.
    """
    return lambda: next(steps, None)


@dataclass(slots=True)
class World:
    """Everything that a fault may touch. `dice` decide its details; `notes` counts what the report shows."""

    stack: Stack
    cluster: Cluster
    broker: KafkaFromJars
    site: Site
    load: Load
    kill_points: Path
    dice: random.Random
    disturbances: list[Disturbance] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def part(self, name: str) -> Part:
        """Return a process by its name. Raises KeyError for an unknown name."""
        return {part.name: part for part in self.parts()}[name]

    def parts(self) -> list[Part]:
        """Return every process of ours, including the mailbox."""
        return [*self.stack.services.values(), self.stack.mailbox]

    def note(self, what: str, count: int = 1) -> None:
        """Add to the count of what happened."""
        self.notes[what] = self.notes.get(what, 0) + count

    def begin_disturbance(self, what: str) -> End:
        """Begin a disturbance; the returned function ends it."""
        began = time.time()
        return lambda: self.disturbances.append(Disturbance(what, began, time.time()))
