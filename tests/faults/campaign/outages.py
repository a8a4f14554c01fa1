"""The long outages of the long form: one thing is wrong for minutes, under load, and what must go on is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from shared.contracts.topics import TOPICS, Topic
from tests.faults.campaign.conductor import Conductor
from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.world import World
from tests.support.stack import SERVICES
from tests.support.stack.points import BLOCK, BLOCK_SECONDS, arm, disarm

_WRITES = ("add_student", "add_parent", "import", "rename", "change_contact", "remove", "invite", "bulk")
_SAMPLE_SECONDS = 1.0
_STORM_SECONDS = 5.0


def _inboxes(topic: Topic) -> str:
    return " UNION ALL ".join(
        f"SELECT message_id, passed_at FROM {group.partition('.')[0]}.inbox"
        f" WHERE consumer = '{group}' AND source = '/kinvite/{topic.owner}'"
        for group in topic.readers
    )


# Published is what its first reader has passed: the time between the two is counted in.
_LAGS = " UNION ALL ".join(
    f"""
    SELECT extract(epoch FROM min(coalesce(passed_at, now())) - created_at) AS lag
      FROM {topic.owner}.outbox LEFT JOIN ({_inboxes(topic)}) AS passed ON passed.message_id = outbox.message_id::text
     WHERE topic = '{topic.name}' AND created_at >= $1 GROUP BY id, created_at
    """
    for topic in TOPICS
    if topic.readers
)
_BACKLOG = " UNION ALL ".join(
    f"""
    SELECT id FROM {name}.outbox JOIN {name}.outbox_pending USING (lane, id)
     WHERE created_at < now() - interval '5 seconds'
    """
    for name in SERVICES
)
_PASSED = " + ".join(f"(SELECT count(*) FROM {name}.inbox)" for name in SERVICES)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of an outage against what is promised of it, both in `unit`."""

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
    """All outages, each for this share of its full length."""
    found: list[Measure] = []
    for minutes, outage in OUTAGES:
        found += outage(world, conductor, minutes * 60 * share)
    return found


def idle_transactions(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """I5: a transaction with an id stays open, in our database and in another one of the same server."""
    other = world.site.database.rpartition("/")[0] + "/postgres"
    began = time.time()
    with asyncio.Runner() as runner:
        held = [runner.run(_hold_transaction(database)) for database in (world.site.database, other)]
        conductor.rest(seconds)
        for connection in held:
            runner.run(connection.close())
    lag = _ask(
        world, f"SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY lag) FROM ({_LAGS}) AS lags", began
    )
    return [Measure("I5", "publishing (p99) beside open transactions", 5, lag)]


async def _hold_transaction(database: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(database)
    await connection.execute("BEGIN; SELECT pg_current_xact_id()")
    return connection


def no_broker(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """I6: writes are taken while no broker is there, and leave when it is back."""
    began = time.time()
    world.broker.kill()
    conductor.rest(seconds)
    ended = time.time()
    errors = [
        entry
        for entry in world.load.ledger.of(*_WRITES, outcome=Outcome.UNKNOWN)
        if began <= entry.began_at and entry.ended_at <= ended
    ]
    world.broker.start()
    back = time.monotonic()
    while _ask(world, f"SELECT count(*) FROM ({_BACKLOG}) AS waiting"):
        conductor.rest(_SAMPLE_SECONDS)
    return [
        Measure("I6", "writes without an answer while no broker was there", 0, len(errors), "writes"),
        Measure("I6", "until what had waited was published", 300, time.monotonic() - back),
    ]


def storm(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """I16: every five seconds a replica leaves, or one comes back."""
    parts = list(world.stack.services.values())
    with _progress(world) as sample:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            part = world.dice.choice(parts)
            over = world.disturbed(f"storm {part.name}")
            part.stop()
            _rest_and_sample(conductor, sample, _STORM_SECONDS)
            if not part.runs():
                part.start()
            _rest_and_sample(conductor, sample, _STORM_SECONDS)
            over()
            world.note("rebalances", 2)
    return [Measure("I16", "longest time without a record passed", 60, sample())]


def stopped_replicas(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """I18: one replica of each service stands still, leases, partitions and all."""
    stopped = [world.stack.of(service)[0] for service in SERVICES]
    over, began = world.disturbed("pause notifier and all others"), time.time()
    for part in stopped:
        part.pause()
    with _progress(world) as sample:
        _rest_and_sample(conductor, sample, seconds)
    unready = [part for part in stopped if not part.is_ready()]
    for part in stopped:
        part.resume()
    over()
    lag = _ask(
        world, f"SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY lag) FROM ({_LAGS}) AS lags", began
    )
    return [
        Measure(
            "I18",
            "stopped replicas that still call themselves ready",
            0,
            len(stopped) - len(unready),
            "replicas",
        ),
        Measure("I18", "publishing (p99) beside stopped replicas", 10, lag),
        Measure("I18", "longest time without a record passed", 120, sample()),
    ]


def blocked_loops(world: World, conductor: Conductor, _seconds: float) -> Sequence[Measure]:
    """I18: the event loop of one process of each service does nothing for longer than its sessions last."""
    over = world.disturbed("block notifier and all others")
    for service in SERVICES:
        arm(world.points, service, BLOCK, 1)
    with _progress(world) as sample:
        _rest_and_sample(conductor, sample, BLOCK_SECONDS + _STORM_SECONDS)
    reached = [disarm(world.points, service, BLOCK) for service in SERVICES]
    world.note("event loops blocked", sum(reached))
    over()
    return [Measure("I18", "longest time without a record passed, loops blocked", 120, sample())]


def paused_broker(world: World, conductor: Conductor, seconds: float) -> Sequence[Measure]:
    """I18: the broker holds all connections and answers nobody."""
    world.broker.pause()
    conductor.rest(seconds)
    world.broker.resume()
    began = time.monotonic()
    while _ask(world, f"SELECT count(*) FROM ({_BACKLOG}) AS waiting"):
        conductor.rest(_SAMPLE_SECONDS)
    return [Measure("I18", "until the paused broker's backlog was published", 120, time.monotonic() - began)]


OUTAGES: Sequence[tuple[float, Play]] = (
    (10, idle_transactions),
    (15, no_broker),
    (10, storm),
    (5, stopped_replicas),
    (1, blocked_loops),
    (2, paused_broker),
)


@contextmanager
def _progress(world: World) -> Iterator[Callable[[], float]]:
    """Hands out a function that looks whether records were passed, and answers the longest time that none was."""
    last, since, longest = 0.0, time.monotonic(), 0.0

    def sample() -> float:
        nonlocal last, since, longest
        passed, now = _ask(world, f"SELECT {_PASSED}"), time.monotonic()
        longest = max(longest, now - since)
        if passed > last:
            last, since = passed, now
        return longest

    yield sample


def _rest_and_sample(conductor: Conductor, sample: Callable[[], float], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        conductor.rest(min(_SAMPLE_SECONDS, until - time.monotonic()))
        sample()


def _ask(world: World, query: str, since: float | None = None) -> float:
    """One number of the database; `since` (seconds since 1970) is the query's only parameter."""

    async def ask() -> float:
        connection = await asyncpg.connect(world.site.database)
        try:
            if since is None:
                return float(await connection.fetchval(query) or 0)
            moment = f"to_timestamp({since!r})"
            return float(await connection.fetchval(query.replace("$1", moment)) or 0)
        finally:
            await connection.close()

    return asyncio.run(ask())
