"""Periodic work: expiries, reminders, deferred messages, pending requests, and the two steps of bulk runs."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from services.invitations.clients.roster import CountParents
from services.invitations.domain.bulk import BulkRun
from services.invitations.domain.models import InvitationPolicy
from services.invitations.settings import Settings
from services.invitations.use_cases import expire, remind, request_invitations, send_bulk, send_deferred
from services.invitations.use_cases.replica_lag import measure_replica_lag
from services.invitations.use_cases.threshold_wakeup import ThresholdWakeup
from shared.runtime.background import PeriodicTask
from shared.runtime.core import is_transient
from shared.runtime.database import Batch, Database, RowFailures, Transaction

ROSTER_COUNT_SECONDS = 2.0
"""Age up to which the roster's number of parents is used again."""
EXPIRY_BATCH_FACTOR = 2
"""Expiries are announced in larger batches than other work, because each one writes less."""
EXPIRY_GROUP_SECONDS = 0.1
"""Invitations that expire within this time of each other are announced together."""
CLOCK_RESOLUTION_SECONDS = 0.001
"""Added to a wait for an expiry: the event loop may wake so much early, and an expiry is never announced early."""

UseCase = Callable[[Transaction, InvitationPolicy, int, list[UUID]], Awaitable[bool]]


def _ignore(_: float) -> None:
    pass


@dataclass(slots=True)
class ScheduledTasks:
    """Periodic tasks of a worker. Each task executes one batch and returns whether more is due at once.

    `periodic_tasks` returns them with their intervals; `clock` is monotonic, in seconds.
    """

    database: Database
    policy: InvitationPolicy
    settings: Settings
    count_parents: CountParents
    arrivals: ThresholdWakeup = field(default_factory=ThresholdWakeup)
    """Wakes the listing of bulk runs when the parents that it misses have arrived."""
    reports: ThresholdWakeup = field(default_factory=ThresholdWakeup)
    """Wakes the sending of bulk runs when enough delivery reports have arrived for another batch."""
    clock: Callable[[], float] = time.monotonic
    _wake_expiry_within: Callable[[float], None] = _ignore
    _progress: dict[UUID, tuple[int, float]] = field(default_factory=dict)
    """By run that is not listed: the last number of missing parents, and when it last became smaller."""
    _roster_counts: dict[UUID, tuple[float, int | None]] = field(default_factory=dict)
    """By run that is not listed: when the roster was queried, and the number of parents that it returned."""

    def periodic_tasks(self) -> list[PeriodicTask]:
        """Return all tasks. Those of bulk runs are also woken by consumers and by notifications."""
        settings = self.settings
        tasks = [
            self.expiry_task(),
            PeriodicTask(
                "pending-requests", settings.pending_request_poll_seconds, self.retry_pending_requests
            ),
            PeriodicTask("quiet-hours", settings.quiet_poll_seconds, self.send_deferred),
            self._bulk_task("bulk-listing", self.list_bulk_runs, self.arrivals),
            self._bulk_task("bulk-sending", self.send_bulk, self.reports),
        ]
        if settings.reminders_enabled:
            tasks.append(PeriodicTask("reminders", settings.reminder_poll_seconds, self.remind))
        return tasks

    def expiry_task(self) -> PeriodicTask:
        """Return the task of `expire`. It runs when the next invitation expires; polling covers other processes."""
        task = PeriodicTask("expiry", self.settings.expiry_poll_milliseconds / 1000, self.expire)
        self._wake_expiry_within = task.run_again_within
        return task

    def wake_bulk(self) -> None:
        """List and send bulk runs now instead of with the next poll."""
        self.arrivals.wake()
        self.reports.wake()

    async def expire(self) -> bool:
        """Announce a batch of expired invitations."""
        return await self._run("expiry", self._expire, EXPIRY_BATCH_FACTOR * self.settings.batch_size)

    async def _expire(self, limit: int, claimed: list[UUID]) -> bool:
        async with self.database.transaction(first=expire.claim_due(limit)) as (tx, due):
            claimed += [window.invitation_id for window in due.windows]
            await expire.expire(tx, due)
        if due.next_in is not None:
            seconds = max(due.next_in.total_seconds(), EXPIRY_GROUP_SECONDS)
            self._wake_expiry_within(seconds + CLOCK_RESOLUTION_SECONDS)
        return len(due.windows) == limit

    async def remind(self) -> bool:
        """Send a batch of reminders."""
        return await self._run("reminders", self._in_transaction(remind.remind))

    async def send_deferred(self) -> bool:
        """Send a batch of messages whose quiet hours have ended."""
        return await self._run("quiet-hours", self._in_transaction(send_deferred.send_deferred))

    async def retry_pending_requests(self) -> bool:
        """Invite a batch of parents whose request was stored although nothing is missing."""
        action = self._in_transaction(request_invitations.retry_pending_requests)
        return await self._run("pending-requests", action)

    async def _run(self, task: str, batch: Batch, limit: int | None = None) -> bool:
        return await RowFailures(self.database, task).run(batch, limit or self.settings.batch_size)

    def _in_transaction(self, use_case: UseCase) -> Batch:
        async def batch(limit: int, claimed: list[UUID]) -> bool:
            async with self.database.transaction() as tx:
                return await use_case(tx, self.policy, limit, claimed)

        return batch

    async def send_bulk(self) -> bool:
        """Send a batch of the bulk run whose turn it is."""
        return await self._run("bulk-sending", self._send_bulk)

    async def _send_bulk(self, limit: int, claimed: list[UUID]) -> bool:
        since = self.reports.committed
        async with self.database.transaction() as tx:
            awaited = await send_bulk.send_bulk(
                tx,
                self.policy,
                batch_size=limit,
                outstanding_limit=self.settings.bulk_outstanding_limit,
                claimed=claimed,
            )
        self.reports.expect(awaited or None, since)
        if awaited:
            self.reports.wake_within(self.settings.bulk_poll_milliseconds / 1000)
        return awaited == 0

    async def list_bulk_runs(self) -> bool:
        """List the parents of all bulk runs that are not listed yet."""
        since = self.arrivals.committed
        async with self.database.transaction() as tx:
            runs = await send_bulk.list_selecting(tx)
        missing = [await self._list_or_record(run) for run in runs]
        if runs:
            awaited = min(filter(None, missing), default=None)
            self.arrivals.expect(None if awaited is None else min(awaited, self.settings.batch_size), since)
            self.arrivals.wake_within(self.settings.bulk_poll_milliseconds / 1000)
        self._forget_all_but(runs)
        return False

    def _bulk_task(
        self, name: str, action: Callable[[], Awaitable[bool]], wakeup: ThresholdWakeup
    ) -> PeriodicTask:
        task = PeriodicTask(name, self.settings.bulk_idle_poll_seconds, action)
        wakeup.wake = task.wake
        return task

    async def _list_or_record(self, run: BulkRun) -> int:
        try:
            return await self._list_parents(run)
        except Exception as error:
            if not is_transient(error):
                await RowFailures(self.database, "bulk-listing").record(run.bulk_id, error)
            raise

    async def _list_parents(self, run: BulkRun) -> int:
        """List all parents, or those that have arrived while others are awaited; return how many are awaited."""
        count_parents = partial(self._count_parents, run.bulk_id)
        lag = await measure_replica_lag(self.database, count_parents, run.school_id, run.selection)
        waited = self._seconds_without_progress(run.bulk_id, None if lag.unavailable else lag.missing)
        settings = self.settings
        patience = settings.roster_patience_seconds if lag.unavailable else settings.catch_up_seconds
        if (lag.missing or lag.unavailable) and waited < patience:
            async with self.database.transaction() as tx:
                await send_bulk.list_arrived_parents(tx, run.bulk_id)
            # A sender that looked for pending items in the meantime skipped the run, because it was locked.
            self.reports.wake()
            return lag.missing
        async with self.database.transaction() as tx:
            await send_bulk.list_parents(tx, run.bulk_id, lag.missing, lag.note)
        self.reports.wake()
        return 0

    async def _count_parents(self, bulk_id: UUID, school_id: UUID) -> int | None:
        """Query the roster, at most every few seconds per run: a count made for another run may be too old."""
        queried_at, count = self._roster_counts.get(bulk_id, (-math.inf, None))
        if self.clock() - queried_at >= ROSTER_COUNT_SECONDS:
            queried_at, count = self.clock(), await self.count_parents(school_id)
            self._roster_counts[bulk_id] = queried_at, count
        return count

    def _seconds_without_progress(self, bulk_id: UUID, missing: int | None) -> float:
        """Return for how long no missing parent has arrived, so that an import is awaited as long as it continues.

        `missing` is None if the roster did not answer.
        """
        now = self.clock()
        previous, progressed_at = self._progress.get(bulk_id, (0, now))
        if missing is None:
            missing = previous
        elif missing < previous:
            progressed_at = now
        self._progress[bulk_id] = missing, progressed_at
        return now - progressed_at

    def _forget_all_but(self, runs: Sequence[BulkRun]) -> None:
        present = {run.bulk_id for run in runs}
        for finished in self._progress.keys() - present:
            del self._progress[finished]
        for finished in self._roster_counts.keys() - present:
            del self._roster_counts[finished]
