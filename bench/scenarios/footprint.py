"""G10: memory and CPU of an idle Kinvite, and how fast the embedded form restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import psutil

from bench.contest import Freezable, freeze_others
from bench.embedded import NAME as EMBEDDED
from bench.embedded import Embedded
from bench.figures import KINVITE, Figure, Goal
from bench.kinvite import Kinvite
from bench.measure import cpu_seconds, memory_bytes
from bench.plan import Plan
from bench.rig import Rig
from bench.rivals import rivals
from bench.sink import Sink

REST_SECONDS = 5.0
IDLE_SECONDS = 15.0
WHOLE = Goal(400)
SERVICE = Goal(140)
WARM_START = Goal(8)
MIB = 2**20


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Measure the embedded form, then each service by itself, then the peers."""
    yield from _embedded(plan)
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        kinvite = Kinvite(stack.enter_context(Rig(sink)))
        peers = rivals(sink, stack, log) if plan.peers else []
        everybody: list[Freezable] = [kinvite, *peers]
        with freeze_others(kinvite, everybody):
            yield from _services(kinvite.rig.processes)
        for rival in peers:
            with freeze_others(rival, everybody):
                yield from _idle(rival.name, rival.peer.processes())


def _embedded(plan: Plan) -> Iterator[Figure]:
    with Embedded() as embedded:
        yield from _idle(EMBEDDED, {"all": embedded.pid}, WHOLE)
        seconds = []
        for _ in range(plan.runs):
            embedded.stop()
            seconds.append(embedded.start())
    yield Figure("G10", "warm start", "s", tuple(seconds), EMBEDDED, WARM_START)


def _services(processes: Mapping[str, int]) -> Iterator[Figure]:
    """Yield the resident memory of each service as it would need it alone: memory shared with others here counts in
    full.
    """
    yield from _idle(KINVITE, processes)
    for name, pid in processes.items():
        if name not in {"kafka", "postgres"}:
            size = psutil.Process(pid).memory_info().rss / MIB
            yield Figure("G10", f"memory, {name} alone, idle (RSS)", "MiB", (size,), goal=SERVICE)


def _idle(name: str, processes: Mapping[str, int], goal: Goal | None = None) -> Iterator[Figure]:
    """Yield memory and CPU of all processes together over a pause."""
    time.sleep(REST_SECONDS)
    before = {part: cpu_seconds(pid) for part, pid in processes.items()}
    time.sleep(IDLE_SECONDS)
    used = {part: (cpu_seconds(pid) - before[part]) / IDLE_SECONDS * 100 for part, pid in processes.items()}
    size = sum(memory_bytes(pid) for pid in processes.values()) / MIB
    yield Figure("G10", "memory of everything, idle (PSS)", "MiB", (size,), name, goal)
    yield Figure("G10", "CPU, idle", "% of a core", (sum(used.values()),), name, detail=used)
