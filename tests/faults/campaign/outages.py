"""Long outages: one thing is wrong for minutes, under load, and what must continue is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from tests.faults.campaign.conductor import Conductor
from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.plan import APART
from tests.faults.campaign.sampling import WRITES, Samples, longest_gap, p99, sample, wait_until_published
from tests.faults.campaign.world import World
from tests.support.stack import SERVICES
from tests.support.stack.kill_points import BLOCK, BLOCK_SECONDS, arm, disarm

_STORM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of an outage and the target for it, both in `unit`."""

    invariant: str
    what: str
    target: float
    seen: float
    unit: str = "s"

    def __str__(self) -> str:
        met = "" if self.seen <= self.target else "  NOT MET"
        return f"{self.invariant:5} {self.what:58} {self.seen:8.1f} of {self.target:.0f} {self.unit}{met}"


Play = Callable[[World, Conductor, float], Sequence[Measure]]


def play(world: World, conductor: Conductor, share: float) -> list[Measure]:
    """Play all outages, each for this share of its full length."""
    measures: list[Measure] = []
    for minutes, outage in OUTAGES:
        began = time.time()
        seen = outage(world, conductor, minutes * 60 * share)
        words = outage.__name__.replace("_", " ")
        gap = longest_gap(world.load.ledger, began, time.time())
        measures += [
            *seen,
            Measure(seen[0].invariant, f"longest time without an accepted write, {words}", 60, gap),
        ]
    return measures


def idle_transactions(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """Hold a transaction with an id open, in our database and in another one of the same server (I5)."""
    other = world.site.database.rpartition("/")[0] + "/postgres"
    with asyncio.Runner() as runner:
        held = [runner.run(_hold_transaction(database)) for database in (world.site.database, other)]
        ages = sample(world, conductor, seconds).ages
        for connection in held:
            runner.run(connection.close())
    return [Measure("I5", "oldest unpublished event (p99 of samples)", 5, p99(ages))]


async def _hold_transaction(database: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(database)
    await connection.execute("BEGIN; SELECT pg_current_xact_id()")
    return connection


def no_broker(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """Kill the broker: writes are accepted, and published when it is back (I6)."""
    began = time.time()
    world.broker.kill()
    conductor.wait(seconds)
    ended = time.time()
    errors = [
        entry
        for entry in world.load.ledger.select(*WRITES, outcome=Outcome.UNKNOWN)
        if began <= entry.began_at and entry.ended_at <= ended
    ]
    for entry in errors:
        world.note(f"no answer to {entry.action}: {entry.failure or entry.status} (try {entry.tries})")
    world.broker.start()
    back = time.monotonic()
    wait_until_published(world, conductor)
    return [
        Measure("I6", "writes without an answer while no broker was there", 0, len(errors), "writes"),
        Measure("I6", "until what had waited was published", 300, time.monotonic() - back),
    ]


def storm(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """Let a replica leave or come back every five seconds (I16)."""
    parts, seen = list(world.stack.services.values()), Samples()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        part = world.dice.choice(parts)
        end = world.begin_disturbance(f"storm {part.name}")
        part.stop()
        sample(world, conductor, _STORM_SECONDS, seen)
        if not part.runs():
            part.start()
        sample(world, conductor, _STORM_SECONDS, seen)
        end()
        world.note("rebalances", 2)
    return [Measure("I16", "longest time without a processed record", 60, seen.longest)]


def stopped_replicas(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """Stop one replica of each service with its leases and partitions; with `--apart` the worker (I18)."""
    stopped = [world.stack.list_parts(service)[-1] for service in SERVICES]
    works = any(part.name not in APART.values() for part in stopped)
    end = world.begin_disturbance("pause notifier and all others")
    for part in stopped:
        part.pause()
    seen = sample(world, conductor, seconds)
    ready = [part for part in stopped if part.is_ready()]
    for part in stopped:
        part.resume()
    end()
    return [
        Measure("I18", "stopped replicas that still report to be ready", 0, len(ready), "replicas"),
        Measure("I18", "oldest unpublished event beside stopped replicas", 10, max(seen.ages)),
        *([Measure("I18", "longest time without a processed record", 120, seen.longest)] if works else []),
    ]


def blocked_loops(world: World, conductor: Conductor, _seconds: float) -> Sequence[Measure]:
    """Block the event loop of one process of each service for longer than its sessions last (I18)."""
    end = world.begin_disturbance("block notifier and all others")
    for service in SERVICES:
        arm(world.kill_points, service, BLOCK, 1)
    seen = sample(world, conductor, BLOCK_SECONDS + _STORM_SECONDS)
    reached = [disarm(world.kill_points, service, BLOCK) for service in SERVICES]
    world.note("event loops blocked", sum(reached))
    end()
    return [Measure("I18", "longest time without a processed record, loops blocked", 120, seen.longest)]


def paused_broker(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """Pause the broker, which holds all connections and answers none (I18)."""
    world.broker.pause()
    conductor.wait(seconds)
    world.broker.resume()
    began = time.monotonic()
    wait_until_published(world, conductor)
    return [Measure("I18", "until the paused broker's backlog was published", 120, time.monotonic() - began)]


OUTAGES: Sequence[tuple[float, Play]] = (
    (10, idle_transactions),
    (15, no_broker),
    (10, storm),
    (5, stopped_replicas),
    (1, blocked_loops),
    (2, paused_broker),
)
