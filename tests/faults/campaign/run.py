"""A campaign from beginning to end: stack, load, faults, healing, draining, judging."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.campaign import outages
from tests.faults.campaign.conductor import Conductor, Log
from tests.faults.campaign.drain import drain, group_lags
from tests.faults.campaign.evidence import collect, read_files
from tests.faults.campaign.ledger import Ledger
from tests.faults.campaign.load import Load
from tests.faults.campaign.oracle import judge
from tests.faults.campaign.plan import REPLICAS, Fault
from tests.faults.campaign.report import Report
from tests.faults.campaign.site import stack_site
from tests.faults.campaign.topics import dump
from tests.faults.campaign.world import World
from tests.support.brokers.base import Unavailable
from tests.support.brokers.kafka import KafkaFromJars, start_kafka
from tests.support.postgres import Cluster
from tests.support.stack import Stack
from tests.support.stack.kill_points import FOLDER

_SETTINGS = {
    "NOTIFIER_SMTP_CONNECT_SECONDS": "3",
    "NOTIFIER_SMTP_COMMAND_SECONDS": "5",
    "NOTIFIER_SMTP_DATA_SECONDS": "5",
    "NOTIFIER_TWILIO_REQUEST_SECONDS": "5",
}


@dataclass(frozen=True, slots=True)
class Options:
    """Size of a campaign. For `warm_seconds` there is load alone, before the first fault and after the last.

    `outages` is the share of their full length that long outages get after the faults; 0 is none. With `apart` each
    service serves in one process and works in another, as Compose runs it, instead of two replicas that do both.
    """

    seed: int
    schools: int = 3
    clerks: int = 4
    warm_seconds: float = 5.0
    drain_seconds: float = 600.0
    outages: float = 0.0
    apart: bool = False


def campaign(options: Options, faults: Sequence[Fault], directory: Path, log: Log) -> Report:
    """Run a campaign.

    Raises Unavailable where there is no Apache Kafka that may be killed, and NotDrainedError if it stalls.
    """
    report, ledger = Report(options.seed), Ledger()
    with _world(options, ledger, directory) as world:
        conductor = Conductor(world, log)
        with _timed(report, "load and faults"), world.load:
            conductor.wait(options.warm_seconds)
            conductor.play(faults)
            conductor.heal()
            if options.outages:
                report.measures = outages.play(world, conductor, options.outages)
                conductor.heal()
            conductor.wait(options.warm_seconds)
            _wait_for_a_sign_up(ledger, conductor, options.drain_seconds)
        log("healed")
        with _timed(report, "drain"):
            asyncio.run(
                drain(
                    world.site.database,
                    partial(group_lags, world.broker.bootstrap),
                    limit_seconds=options.drain_seconds,
                    tick=lambda: conductor.wait(0.0),
                )
            )
        log("drained")
        with _timed(report, "oracle"):
            evidence = asyncio.run(collect(world.site.database, ledger))
            evidence.records = asyncio.run(dump(world.broker.bootstrap))
            read_files(evidence, directory)
            evidence.disturbances, evidence.address_behaviours = (
                world.disturbances,
                world.load.memory.address_behaviours,
            )
            report.add_verdicts(evidence, judge(evidence))
    report.faults = dict(Counter(fault.kind for fault in faults))
    report.notes = world.notes
    report.write(directory / "report.json")
    return report


@contextmanager
def _world(options: Options, ledger: Ledger, directory: Path) -> Iterator[World]:
    with ExitStack() as undo:
        broker = start_kafka(directory)
        undo.callback(broker.stop)
        if not isinstance(broker, KafkaFromJars):
            raise Unavailable("Apache Kafka here is not ours to kill")
        cluster = Cluster(directory)
        undo.callback(cluster.stop)
        kill_points = directory / "points"
        kill_points.mkdir()
        settings = {**_SETTINGS, FOLDER: str(kill_points)}
        form = {"roles": ("api", "worker")} if options.apart else {"replicas": REPLICAS}
        stack = undo.enter_context(Stack(directory, cluster, broker, settings=settings, **form))
        site = stack_site(stack, cluster)
        load = Load(site, ledger, options.seed, schools=options.schools, clerks=options.clerks)
        yield World(stack, cluster, broker, site, load, kill_points, random.Random(f"details {options.seed}"))


def _wait_for_a_sign_up(ledger: Ledger, conductor: Conductor, limit_seconds: float) -> None:
    """Wait for the first sign-up, which a busy machine may not have reached by then."""
    until = time.monotonic() + limit_seconds
    while not any(ledger.select("join")) and time.monotonic() < until:
        conductor.wait(1.0)


@contextmanager
def _timed(report: Report, phase: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    report.seconds[phase] = time.monotonic() - began
