"""Plan of the faults: which come, in which order, to whom and for how long, all of it from the seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.stack import SERVICES
from tests.support.stack.kill_points import POINTS

REPLICAS = 2
PARTS = tuple(f"{service}-both-{number}" for service in SERVICES for number in range(REPLICAS))
# Names of the processes where a service has one that serves and one that works, instead of two replicas.
APART = {
    f"{service}-both-{number}": f"{service}-{role}-0"
    for service in SERVICES
    for number, role in enumerate(("api", "worker"))
}
EMITTING = ("roster", "invitations", "signup", "notifier")
POISONED = (
    "roster.parent",
    "invitations.invitation",
    "notifier.commands",
    "notifier.message",
    "signup.submission",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its possible targets, its length in seconds, and its relative frequency."""

    name: str
    targets: Sequence[str]
    seconds: tuple[float, float] = (0.0, 0.0)
    weight: int = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. It is undone after `hold_seconds`, and the next one begins after `gap_seconds`."""

    number: int
    kind: str
    target: str
    hold_seconds: float
    gap_seconds: float

    def __str__(self) -> str:
        return f"{self.number:3} {self.kind:18} {self.target:20} {self.hold_seconds:4.1f} s"


_POINT_TARGETS = {
    "K1": EMITTING,
    "K2": EMITTING,
    "K3": EMITTING,
    "K4": EMITTING,
    "K5": SERVICES,
    "K6": ("notifier",),
    "K7": ("notifier",),
}
KINDS = (
    Kind("kill", PARTS, (0.0, 3.0), 10),
    *(Kind(point, _POINT_TARGETS[point], weight=3) for point in POINTS),
    Kind("pause", PARTS, (1.0, 9.0), 6),
    Kind("long pause", tuple(part for part in PARTS if "notifier" in part), (22.0, 25.0), 1),
    Kind("postgres kill", ("postgres",), (0.0, 2.0), 4),
    Kind("postgres restart", ("postgres",), (0.0, 1.0), 2),
    Kind("broker kill", ("broker",), (0.0, 3.0), 3),
    Kind("broker pause", ("broker",), (2.0, 8.0), 3),
    Kind("rebalance storm", PARTS, (9.0, 12.0), 2),
    Kind("rolling restart", SERVICES, weight=2),
    Kind("forgotten offsets", SERVICES, weight=1),
    Kind("duplicate records", POISONED, weight=3),
    Kind("stale records", ("roster.parent", "roster.student"), weight=3),
    Kind("republish", EMITTING, weight=2),
    Kind("poison", POISONED, weight=4),
    Kind("mailbox kill", ("mailbox",), (0.5, 3.0), 2),
    Kind("due at once", ("invitations",), weight=2),
    *(
        Kind(f"provider {behaviour}", ("mailbox",), weight=1)
        for behaviour in ("hang", "throttle", "refuse", "delay", "drop", "silent", "bounce")
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def plan(
    seed: int,
    count: int,
    *,
    kinds: Sequence[Kind] = KINDS,
    gap_seconds: tuple[float, float] = (0.5, 3.0),
    apart: bool = False,
) -> list[Fault]:
    """Draw `count` faults of these kinds. Each kind comes once before any comes twice.

    With `apart` the targets are the processes of services that serve in one process and work in another.
    """
    names = APART if apart else {}
    dice = random.Random(f"faults {seed}")
    chosen = dice.sample(kinds, len(kinds))
    chosen += dice.choices(kinds, [kind.weight for kind in kinds], k=max(0, count - len(kinds)))
    numbers = itertools.count(1)
    return [
        Fault(
            next(numbers),
            kind.name,
            names.get(target := dice.choice(kind.targets), target),
            dice.uniform(*kind.seconds),
            dice.uniform(*gap_seconds),
        )
        for kind in chosen[:count]
    ]
