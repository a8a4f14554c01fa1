"""G3: from the click on Invite to the accepted email, on an idle Kinvite, both with compose's parts and embedded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

from bench.contest import Freezable, freeze_others
from bench.embedded import NAME as EMBEDDED
from bench.embedded import Embedded
from bench.figures import KINVITE, Figure, Goal, pairwise, pooled, quantile
from bench.kinvite import Kinvite
from bench.plan import Plan
from bench.rig import Rig
from bench.rivals import rivals
from bench.sink import Sink

WARM_UP = 10
GOALS = {(KINVITE, 0.5): Goal(11), (KINVITE, 0.99): Goal(30), (EMBEDDED, 0.5): Goal(25)}


class Clicker(Freezable, Protocol):
    """Contestant that invites single parents."""

    name: str

    def clicks(self, count: int) -> list[float]:
        """Return the milliseconds from each click to the accepted email, one after the other."""


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Measure all contestants against the mail server, in turns; then the embedded form, which sends to its own
    mailbox.
    """
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        kinvite = Kinvite(stack.enter_context(Rig(sink)))
        contestants: list[Clicker] = [kinvite]
        if plan.peers:
            contestants += rivals(sink, stack, log)
        samples = _measure(contestants, plan)
    for name, runs in samples.items():
        yield from _figures(name, runs)
    yield pooled("G3", "click to its answer, p50", [kinvite.answers], 0.5)
    yield from _ratios(samples)
    with Embedded() as embedded:
        embedded.clicks(WARM_UP)
        yield from _figures(EMBEDDED, [embedded.clicks(plan.clicks_per_run) for _ in range(plan.runs)])


def _measure(contestants: Sequence[Clicker], plan: Plan) -> dict[str, list[list[float]]]:
    samples: dict[str, list[list[float]]] = defaultdict(list)
    for _ in range(plan.runs):
        for contestant in contestants:
            with freeze_others(contestant, contestants):
                contestant.clicks(WARM_UP)
                samples[contestant.name].append(contestant.clicks(plan.clicks_per_run))
    return samples


def _figures(name: str, runs: Sequence[Sequence[float]]) -> Iterator[Figure]:
    for share in (0.5, 0.99):
        what = f"click to accepted mail, p{share * 100:.0f}"
        yield pooled("G3", what, runs, share, contestant=name, goal=GOALS.get((name, share)))


def _ratios(samples: dict[str, list[list[float]]]) -> Iterator[Figure]:
    """Yield the ratios to the peers; the goal is the speed of Django with Celery."""
    kinvite_medians = [quantile(run, 0.5) for run in samples[KINVITE]]
    for name in (name for name in samples if name != KINVITE):
        ratio = pairwise(kinvite_medians, [quantile(run, 0.5) for run in samples[name]])
        goal = Goal(1) if name.startswith("django") else None
        yield Figure("G3", f"click to accepted mail, p50, over {name}", "x", ratio, goal=goal)
