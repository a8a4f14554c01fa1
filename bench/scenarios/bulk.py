"""G1 and G2: a file of new parents and one bulk run, until every verification mail is accepted; what it costs."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.figures import KINVITE, Figure, Goal, pairwise, shown
from bench.jobs import Contestant, Job
from bench.kinvite import Kinvite
from bench.plan import Plan
from bench.report import table
from bench.rig import Rig
from bench.sink import Sink

LOOK_SECONDS = 0.01
WARM_UP_SHARE = 0.2
PARENTS_PER_SECOND = Goal(3_000, at_least=True)
CPU_MS = Goal(0.65)


def run(plan: Plan, say: Callable[[str], None]) -> Iterator[Figure]:
    """Each contestant once per run, in turns; those who wait stand still."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kinvite-bench-")))
        sink = stack.enter_context(Sink(folder))
        rig = stack.enter_context(Rig(sink))
        watch = stack.enter_context(sink.watch(LOOK_SECONDS))
        contestants: list[Contestant] = [Kinvite(rig, watch)]
        for contestant in contestants:
            contestant.bulk(max(1, int(plan.parents * WARM_UP_SHARE)))
        jobs = _alternate(contestants, plan, say)
    _keep(plan.folder / "bulk.json", jobs)
    say(_processes(jobs[KINVITE]))
    say(_stages(jobs[KINVITE]))
    yield from _figures(jobs)


def _alternate(
    contestants: Sequence[Contestant], plan: Plan, say: Callable[[str], None]
) -> dict[str, list[Job]]:
    jobs: dict[str, list[Job]] = defaultdict(list)
    for number in range(plan.runs):
        for contestant in contestants:
            with ExitStack() as still:
                for other in contestants:
                    if other is not contestant:
                        still.enter_context(other.aside())
                job = contestant.bulk(plan.parents)
            jobs[contestant.name].append(job)
            cost = f"{job.cpu_ms_per_parent:.3f} ms CPU per parent"
            say(f"G1 run {number + 1} {contestant.name}: {job.parents_per_second:,.0f} parents/s, {cost}")
    return jobs


def _figures(jobs: dict[str, list[Job]]) -> Iterator[Figure]:
    for name, runs in jobs.items():
        ours = name == KINVITE
        speed = tuple(job.parents_per_second for job in runs)
        cost = tuple(job.cpu_ms_per_parent for job in runs)
        yield Figure(
            "G1",
            "CSV and bulk invite, mails accepted",
            "parents/s",
            speed,
            name,
            PARENTS_PER_SECOND if ours else None,
        )
        yield Figure("G2", "CPU of all processes", "ms/parent", cost, name, CPU_MS if ours else None)
        peaks = tuple(job.peak_bytes / 2**20 for job in runs)
        yield Figure("G10", "memory, peak of the bulk run (PSS)", "MiB", peaks, name)
    for name in jobs.keys() - {KINVITE}:
        yield from _ratios(name, jobs[KINVITE], jobs[name])


def _ratios(name: str, ours: Sequence[Job], theirs: Sequence[Job]) -> Iterator[Figure]:
    speed = pairwise([job.parents_per_second for job in ours], [job.parents_per_second for job in theirs])
    cost = pairwise([job.cpu_ms_per_parent for job in ours], [job.cpu_ms_per_parent for job in theirs])
    django = name.startswith("django")
    yield Figure("G1", f"parents/s over {name}", "x", speed, goal=Goal(6 if django else 2, at_least=True))
    yield Figure("G2", f"CPU per parent over {name}", "x", cost, goal=None if django else Goal(0.5))


def _processes(jobs: Sequence[Job]) -> str:
    """CPU by process, the dearest first."""
    cost = {
        name: median(job.cpu_seconds[name] * 1000 / job.parents for job in jobs)
        for name in jobs[0].cpu_seconds
    }
    rows = [(name, shown(cost[name])) for name in sorted(cost, key=cost.__getitem__, reverse=True)]
    return table([("process", "ms CPU per parent"), *rows])


def _stages(jobs: Sequence[Job]) -> str:
    """When each stage began and ended, in the run of median speed."""
    middle = sorted(jobs, key=lambda job: job.seconds)[len(jobs) // 2]
    moments = [(name, "", f"{seconds:.2f}", "") for name, seconds in middle.moments.items()]
    passed = [(one.name, f"{one.first:.2f}", f"{one.last:.2f}", str(one.records)) for one in middle.stages]
    return table([("stage", "first, s", "last, s", "records"), *passed, *moments])


def _keep(path: Path, jobs: dict[str, list[Job]]) -> None:
    """Everything known of every run, for the plot and for later questions."""
    told = {
        name: [
            {
                "parents": job.parents,
                "seconds": job.seconds,
                "cpu_seconds": dict(job.cpu_seconds),
                "peak_bytes": job.peak_bytes,
                "moments": dict(job.moments),
                "stages": [(one.name, one.first, one.last, one.records) for one in job.stages],
                "curve": list(job.curve),
            }
            for job in runs
        ]
        for name, runs in jobs.items()
    }
    path.write_text(json.dumps(told))
