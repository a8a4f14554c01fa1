"""G7: cost of periodic tasks by number of pending expiries: an empty poll, an expiry, and many due at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

from aiokafka import AIOKafkaConsumer

from bench.database import Rows
from bench.figures import Figure, Goal, format_number, pooled
from bench.measure import cpu_seconds
from bench.plan import Plan
from bench.rig import Rig
from bench.sink import Sink
from services.invitations.use_cases.expire import claim_due, expire
from shared.contracts.topics import INVITATIONS_INVITATION
from shared.runtime.database import Database
from tests.support.stack.stack import DATABASE

EMPTY_POLLS = 200
DUE = 5_000
DUE_AT_ONCE = 10_000
BATCH = 1_000
AHEAD_SECONDS = 20.0
DRAINED_WITHIN_SECONDS = 300.0
POLL_SECONDS = 0.1
WITHIN_SECONDS = 120.0
EXPIRED = ("ce_type", b"invitations.invitation.expired.v1")
SAME = Goal(1.2)

_SEED = """
INSERT INTO invitations.invitations (
    invitation_id, school_id, parent_id, version, status, generation, purpose, channel, contact_id, address_digest,
    token_key_id, token_digest, message_id, template, delivery, first_invited_at, last_invited_at, expires_at,
    last_message_at)
SELECT gen_random_uuid(), '00000000-0000-4000-8000-000000000001', gen_random_uuid(), 1, 'awaiting_verification', 1,
       'verify', 'email', gen_random_uuid(), md5(n::text) || md5(n::text), 'k2', md5(n::text || 't') || md5(n::text),
       gen_random_uuid(), 'verify', 'sent', now(), now(), now() + interval '1 day' + n * interval '1 second', now()
  FROM generate_series(1, $1::integer) AS n
"""
_PENDING = """
SELECT count(*) FROM invitations.invitations WHERE status IN ('awaiting_verification', 'invited')
"""
_MAKE_DUE = """
UPDATE invitations.invitations SET expires_at = now() + make_interval(secs => $2)
 WHERE invitation_id IN (SELECT invitation_id FROM invitations.invitations
                          WHERE status = 'awaiting_verification' ORDER BY invitation_id LIMIT $1)
RETURNING extract(epoch FROM expires_at)::float8 AS due_at
"""
# Events that were emitted only to be measured are not published, because they would delay those of the last part.
_FORGET = "DELETE FROM invitations.outbox_runs"
_UNPUBLISHED = "SELECT count(*) FROM invitations.outbox_runs"


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Measure each part with the service stopped that would expire and publish as well, except for the last part."""
    with Sink() as sink, Rig(sink) as rig:
        service = rig.stack.list_parts("invitations")
        for part in service:
            part.stop()
        costs = []
        for pending in plan.pending:
            begin = time.monotonic()
            asyncio.run(fill(rig.rows, pending))
            log(f"G7 {pending:,} pending were there after {time.monotonic() - begin:.0f} s")
            costs.append(asyncio.run(_costs(rig, pending, plan.runs)))
        yield from _cost_figures(costs, log)
        for part in service:
            part.start()
        for part in service:
            part.wait_ready()
        seconds = asyncio.run(_at_once(rig, max(DUE_AT_ONCE, plan.pending[-1]), plan.runs))
    what = f"{DUE_AT_ONCE:,} due at once, the last one announced after"
    yield Figure("G7", what, "s", tuple(seconds), goal=Goal(1))


@dataclass(slots=True)
class Costs:
    """Milliseconds of each empty poll, and per expiry by CPU (of the task and the database) and by the clock."""

    pending: int
    empty: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def figures(self) -> Iterator[Figure]:
        what = f"a poll when nothing is due, {self.pending:,} pending"
        yield pooled("G7", what, [self.empty], 0.5, goal=Goal(1))
        yield Figure("G7", f"CPU of an expiry, {self.pending:,} pending", "ms", tuple(self.cpu))


def _cost_figures(costs: Sequence[Costs], log: Callable[[str], None]) -> Iterator[Figure]:
    for cost in costs:
        yield from cost.figures()
        log(f"G7 {cost.pending:,} pending: {format_number(median(cost.wall))} ms per expiry on the clock")
    first, last = median(costs[0].cpu), median(costs[-1].cpu)
    what = f"cost per expiry, {costs[-1].pending:,} over {costs[0].pending:,} pending"
    yield Figure("G7", what, "x", (last / first,), goal=SAME)


async def _costs(rig: Rig, pending: int, runs: int) -> Costs:
    costs = Costs(pending)
    async with Database(rig.cluster.url(DATABASE), schema="invitations") as database:
        await _expire_batch(database)
        for _ in range(EMPTY_POLLS):
            begin = time.perf_counter()
            await _expire_batch(database)
            costs.empty.append((time.perf_counter() - begin) * 1000)
        for _ in range(runs):
            await fill(rig.rows, pending)
            due = len(await rig.rows(_MAKE_DUE, min(DUE, pending // 2), -1.0))
            begin, cpu = time.perf_counter(), time.process_time() + cpu_seconds(rig.cluster.pid)
            while await _expire_batch(database):
                pass
            costs.wall.append((time.perf_counter() - begin) * 1000 / due)
            used = time.process_time() + cpu_seconds(rig.cluster.pid) - cpu
            costs.cpu.append(used * 1000 / due)
    await rig.rows(_FORGET)
    return costs


async def fill(rows: Rows, pending: int) -> None:
    """Add invitations that are due in a day or later until this many are pending, with fresh statistics."""
    ((now,),) = await rows(_PENDING)
    await rows(_SEED, pending - now)
    await rows("VACUUM (ANALYZE) invitations.invitations")


async def _expire_batch(database: Database) -> bool:
    """Run the service's expiry once, in a transaction of its own."""
    async with database.transaction(first=claim_due(BATCH)) as (tx, due):
        await expire(tx, due)
    return len(due.windows) == BATCH


async def _at_once(rig: Rig, pending: int, runs: int) -> list[float]:
    """Return the seconds from the moment at which all are due to the last event on the topic."""
    seconds = []
    async with _listening(rig.kafka.bootstrap) as consumer:
        for _ in range(runs):
            await fill(rig.rows, pending)
            await _drained(rig.rows)
            rows = await rig.rows(_MAKE_DUE, DUE_AT_ONCE, AHEAD_SECONDS)
            due_at = rows[0]["due_at"]
            if time.time() >= due_at:
                raise RuntimeError("the expiries were due before they were written: nothing was measured")
            seconds.append(await asyncio.wait_for(_last_of(consumer, len(rows)), WITHIN_SECONDS) - due_at)
    return seconds


async def _drained(rows: Rows) -> None:
    """Wait until nothing of the previous part is pending."""
    deadline = time.monotonic() + DRAINED_WITHIN_SECONDS
    while (await rows(_UNPUBLISHED))[0]["count"]:
        if time.monotonic() > deadline:
            raise TimeoutError("the outbox of invitations is not published")
        await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def _listening(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        INVITATIONS_INVITATION.name, bootstrap_servers=bootstrap, fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        await consumer.seek_to_end()
        yield consumer
    finally:
        await consumer.stop()


async def _last_of(consumer: AIOKafkaConsumer, count: int) -> float:
    """Return when the last of `count` expiries was read from the topic (`time.time()`)."""
    seen = 0
    while seen < count:
        costs = await consumer.getmany(timeout_ms=1_000)
        seen += sum(EXPIRED in record.headers for records in costs.values() for record in records)
    return time.time()
