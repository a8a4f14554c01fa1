"""Profile of a bulk run by function in every service and by statement in PostgreSQL. It yields no figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.figures import Figure, format_number
from bench.kinvite import Kinvite
from bench.plan import Plan
from bench.profile import OPTIONS, StatementCounter, profile
from bench.rig import Rig
from bench.sink import Sink
from tests.support.stack.stack import DATABASE

WARM_UP_SHARE = 0.2
STATEMENTS = 30
FUNCTIONS = 15
SAMPLED = ("worker", "api")


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Profile one run by itself, because profiling slows it down, and write `profile.txt`."""
    with Sink() as sink, Rig(sink, database_options=OPTIONS) as rig:
        kinvite = Kinvite(rig)
        kinvite.bulk(max(1, int(plan.parents * WARM_UP_SHARE)))
        usual = kinvite.bulk(plan.parents)
        statements = StatementCounter(rig.cluster, DATABASE)
        statements.reset()
        services = {name: pid for name, pid in rig.processes.items() if name.endswith(SAMPLED)}
        with ThreadPoolExecutor(1) as watching:
            seen = watching.submit(profile, services, usual.moments["dashboard shows all"])
            watched = kinvite.bulk(plan.parents)
            summaries = seen.result()
        calls = statements.calls()
        lines = [statement.line() for statement in statements.top(STATEMENTS)]
    text = [
        f"{plan.parents:,} parents in {watched.seconds:.1f} s while watched, {usual.seconds:.1f} s otherwise"
    ]
    text += ["", f"PostgreSQL: {calls:,} statements, {format_number(calls / plan.parents)} a parent", *lines]
    for name, summary in sorted(summaries.items(), key=lambda item: item[1].busy, reverse=True):
        text += [
            "",
            f"{name}: {format_number(watched.cpu_seconds[name] * 1000 / plan.parents)} ms CPU per parent",
        ]
        text.append(summary.text(FUNCTIONS))
    (plan.folder / "profile.txt").write_text("\n".join(text) + "\n")
    log(f"Profiles: {plan.folder / 'profile.txt'}")
    yield from ()
