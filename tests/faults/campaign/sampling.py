"""Samples during an outage: what waits, what is processed, and what the load still gets done."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from tests.faults.campaign.conductor import Conductor
from tests.faults.campaign.ledger import Ledger
from tests.faults.campaign.world import World
from tests.support.stack import SERVICES

WRITES = ("add_student", "add_parent", "import", "rename", "change_contact", "remove", "invite", "bulk")
_SAMPLE_SECONDS = 1.0
_PENDING = " UNION ALL ".join(
    f"SELECT created_at FROM {name}.outbox_runs AS run"
    f" JOIN {name}.outbox ON outbox.lane = run.lane AND id BETWEEN first_id AND last_id"
    for name in SERVICES
)
_OLDEST = f"SELECT extract(epoch FROM now() - min(created_at)) FROM ({_PENDING}) AS pending"
_PROCESSED = " + ".join(f"(SELECT count(*) FROM {name}.inbox)" for name in SERVICES)


@dataclass(slots=True)
class Samples:
    """Samples, second by second: the age of the oldest unpublished event, and the longest time without a processed
    record.
    """

    ages: list[float] = field(default_factory=list)
    longest: float = 0.0
    processed: float = 0.0
    since: float = field(default_factory=time.monotonic)

    def take(self, world: World) -> None:
        """Take one sample."""
        self.ages.append(query_number(world, _OLDEST))
        processed, now = query_number(world, f"SELECT {_PROCESSED}"), time.monotonic()
        self.longest = max(self.longest, now - self.since)
        if processed > self.processed:
            self.processed, self.since = processed, now


def sample(world: World, conductor: Conductor, seconds: float, seen: Samples | None = None) -> Samples:
    """Let time pass and take a sample every second."""
    samples, until = seen or Samples(), time.monotonic() + seconds
    while time.monotonic() < until:
        conductor.wait(min(_SAMPLE_SECONDS, until - time.monotonic()))
        samples.take(world)
    return samples


def wait_until_published(world: World, conductor: Conductor) -> None:
    """Wait until everything that is unpublished now is published; what the load adds later is not waited for."""
    unpublished = (
        f"SELECT count(*) FROM ({_PENDING}) AS pending WHERE created_at <= to_timestamp({time.time()})"
    )
    while query_number(world, unpublished):
        conductor.wait(_SAMPLE_SECONDS)


def p99(values: Sequence[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))] if values else 0.0


def query_number(world: World, query: str) -> float:
    """Query one number of the database."""

    async def fetch() -> float:
        connection = await asyncpg.connect(world.site.database)
        try:
            return float(await connection.fetchval(query) or 0)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def longest_gap(ledger: Ledger, began: float, ended: float) -> float:
    """Return the longest time in seconds without an acknowledged write, since an outage without a load would prove
    nothing.
    """
    moments = sorted(entry.ended_at for entry in ledger.select(*WRITES) if began <= entry.ended_at <= ended)
    return max(later - earlier for earlier, later in itertools.pairwise((began, *moments, ended)))
