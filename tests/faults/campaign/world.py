"""What a campaign plays in: the stack, the load, and a note of everything that was done to them."""

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
Over = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that may leave a provider's answer unrecorded, from `began_at` to `ended_at` (seconds since 1970)."""

    what: str
    began_at: float
    ended_at: float


def in_steps(steps: Iterator[float]) -> Undo:
    """A fault of several steps, each of which says how long to wait for the next: other faults go on meanwhile."""
    return lambda: next(steps, None)


@dataclass(slots=True)
class World:
    """All that a fault may touch. `dice` are for its details; `notes` counts what is worth telling."""

    stack: Stack
    cluster: Cluster
    broker: KafkaFromJars
    site: Site
    load: Load
    points: Path
    dice: random.Random
    disturbances: list[Disturbance] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def part(self, name: str) -> Part:
        """A process by its name; KeyError for an unknown one."""
        return {part.name: part for part in self.parts()}[name]

    def parts(self) -> list[Part]:
        """Every process of ours, the mailbox as well."""
        return [*self.stack.services.values(), self.stack.mailbox]

    def note(self, what: str, count: int = 1) -> None:
        """Count it."""
        self.notes[what] = self.notes.get(what, 0) + count

    def disturbed(self, what: str) -> Over:
        """Since now; call the answer when it is over."""
        began = time.time()
        return lambda: self.disturbances.append(Disturbance(what, began, time.time()))
