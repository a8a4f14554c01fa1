"""G1 and G2: speed and cost of a file of new parents and one bulk run, until every verification email is accepted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import plot
from bench.contest import freeze_others
from bench.figures import KINVITE, Figure, Goal, format_number, pairwise
from bench.jobs import Contestant, Job
from bench.kinvite import Kinvite
from bench.plan import Plan
from bench.report import table
from bench.rig import Rig
from bench.rivals import rivals
from bench.sink import Sink

WARM_UP_SHARE = 0.2
PARENTS_PER_SECOND = Goal(3_000, at_least=True)
CPU_MS = Goal(0.65)


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Measure each contestant once per run, in turns, while the others are frozen."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        rig = stack.enter_context(Rig(sink))
        contestants: list[Contestant] = [Kinvite(rig)]
        if plan.peers:
            contestants += rivals(sink, stack, log)
        for contestant in contestants:
            with freeze_others(contestant, contestants):
                contestant.bulk(max(1, int(plan.parents * WARM_UP_SHARE)))
        jobs = _alternate(contestants, plan, log)
    _write_details(plan.folder, jobs)
    own_jobs = jobs[KINVITE]
    tables = "\n".join((_processes(own_jobs), _stages(own_jobs), _batches(_middle(own_jobs))))
    (plan.folder / "bulk.txt").write_text(tables)
    log(tables)
    yield from _figures(jobs)


def _alternate(
    contestants: Sequence[Contestant], plan: Plan, log: Callable[[str], None]
) -> dict[str, list[Job]]:
    jobs: dict[str, list[Job]] = defaultdict(list)
    for number in range(plan.runs):
        for contestant in contestants:
            with freeze_others(contestant, contestants):
                job = contestant.bulk(plan.parents)
            jobs[contestant.name].append(job)
            cost = f"{job.cpu_ms_per_parent:.3f} ms CPU per parent"
            log(f"G1 run {number + 1} {contestant.name}: {job.parents_per_second:,.0f} parents/s, {cost}")
    return jobs


def _figures(jobs: dict[str, list[Job]]) -> Iterator[Figure]:
    for name, runs in jobs.items():
        is_kinvite = name == KINVITE
        speed = tuple(job.parents_per_second for job in runs)
        cost = tuple(job.cpu_ms_per_parent for job in runs)
        yield Figure(
            "G1",
            "CSV and bulk invite, mails accepted",
            "parents/s",
            speed,
            name,
            PARENTS_PER_SECOND if is_kinvite else None,
        )
        yield Figure("G2", "CPU of all processes", "ms/parent", cost, name, CPU_MS if is_kinvite else None)
        peaks = tuple(job.peak_bytes / 2**20 for job in runs)
        yield Figure("G10", "memory, peak of the bulk run (PSS)", "MiB", peaks, name)
    for name in (name for name in jobs if name != KINVITE):
        yield from _ratios(name, jobs[KINVITE], jobs[name])


def _ratios(name: str, jobs: Sequence[Job], peer_jobs: Sequence[Job]) -> Iterator[Figure]:
    speed = pairwise([job.parents_per_second for job in jobs], [job.parents_per_second for job in peer_jobs])
    cost = pairwise([job.cpu_ms_per_parent for job in jobs], [job.cpu_ms_per_parent for job in peer_jobs])
    django = name.startswith("django")
    yield Figure("G1", f"parents/s over {name}", "x", speed, goal=Goal(6 if django else 2, at_least=True))
    yield Figure("G2", f"CPU per parent over {name}", "x", cost, goal=None if django else Goal(0.5))


def _processes(jobs: Sequence[Job]) -> str:
    """Format the CPU by process, the most expensive first; those in brackets are not part of Kinvite."""
    spent = [{**job.cpu_seconds, **job.beside} for job in jobs]
    cost = {
        name: median(seconds[name] * 1000 / job.parents for seconds, job in zip(spent, jobs, strict=True))
        for name in spent[0]
    }
    rows = [(name, format_number(cost[name])) for name in sorted(cost, key=cost.__getitem__, reverse=True)]
    return table([("process", "ms CPU per parent"), *rows])


def _stages(jobs: Sequence[Job]) -> str:
    """Format when each stage began and ended, in the run of median speed."""
    middle = _middle(jobs)
    moments = [(name, "", f"{seconds:.2f}", "") for name, seconds in middle.moments.items()]
    passed = [
        (stage.name, f"{stage.first:.2f}", f"{stage.last:.2f}", str(stage.records)) for stage in middle.stages
    ]
    return table([("stage", "first, s", "last, s", "records"), *passed, *moments])


def _batches(job: Job) -> str:
    """Format the sizes of the batches of one run."""
    rows = [
        (batch.name, str(batch.records), str(batch.transactions), format_number(batch.size))
        for batch in job.batches
    ]
    everything = ("all transactions, of everybody", "", str(job.transactions), "")
    return table([("who", "records", "rounds", "records a round"), *rows, everything])


def _by_part(job: Job) -> dict[str, float]:
    """Return milliseconds of CPU per parent, with api and worker of a service added up, and all workers of a peer."""
    by_part: dict[str, float] = defaultdict(float)
    for process, seconds in job.cpu_seconds.items():
        by_part[process.split()[0].split("-")[0]] += seconds * 1000 / job.parents
    return dict(sorted(by_part.items()))


def _middle(jobs: Sequence[Job]) -> Job:
    """Return the run of median speed."""
    return sorted(jobs, key=lambda job: job.seconds)[len(jobs) // 2]


def _write_details(folder: Path, jobs: dict[str, list[Job]]) -> None:
    """Write everything known of every run, and the two charts of the run of median speed."""
    details = {
        name: [
            {
                "parents": job.parents,
                "seconds": job.seconds,
                "cpu_seconds": dict(job.cpu_seconds),
                "peak_bytes": job.peak_bytes,
                "moments": dict(job.moments),
                "stages": [(stage.name, stage.first, stage.last, stage.records) for stage in job.stages],
                "rounds": [(batch.name, batch.records, batch.transactions) for batch in job.batches],
                "transactions": job.transactions,
                "curve": list(job.curve),
            }
            for job in runs
        ]
        for name, runs in jobs.items()
    }
    (folder / "bulk.json").write_text(json.dumps(details))
    middle = {name: _middle(runs) for name, runs in jobs.items()}
    curves = {name: job.curve for name, job in middle.items()}
    cost = {name: _by_part(job) for name, job in middle.items()}
    (folder / "mails.svg").write_text(plot.lines("Mails accepted", "seconds", curves))
    (folder / "cpu.svg").write_text(plot.bars("CPU per parent", "milliseconds", cost))
