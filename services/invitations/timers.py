"""Background work: expiries, reminders, wishes left over, and the two halves of bulk runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from services.invitations.domain.bulk import Run
from services.invitations.service.bulk_expand import expand, find_unlisted, list_arrived, list_parents
from services.invitations.service.catch_up import CountParents, gap
from services.invitations.service.countdown import Countdown
from services.invitations.service.desk import Desk
from services.invitations.service.due import expire, overdue, release, remind
from services.invitations.service.roster import fulfil_left
from services.invitations.settings import Settings
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database

ASKED_ANEW_SECONDS = 2.0
EXPIRY_BATCHES = 2
"""So many batches at once: an expiry writes less than other work does."""
EXPIRY_LOOKS = 5
"""Looks in a row, each by two, before the timer says again that it is alive."""
GATHERED_SECONDS = 0.1
"""Weeks that are over one after the other are announced together, this far apart."""
CLOCK_SECONDS = 0.001
"""A clock of this loop rings up to so much early, and a week is over only after its last microsecond."""


def _unheard(_: float) -> None:
    """There is no timer to tell."""


@dataclass(slots=True)
class Sweeps:
    """The actions of the timers; each answers whether more is due at once."""

    database: Database
    desk: Desk
    settings: Settings
    count_parents: CountParents
    arrivals: Countdown = field(default_factory=Countdown)
    """Of parents, for runs that wait for the copy of the roster."""
    outcomes: Countdown = field(default_factory=Countdown)
    """Of messages, for runs that wait for room."""
    _look_within: Callable[[float], None] = _unheard
    """Tells the timer of expiries, once there is one, in how many seconds the next week is over."""
    _moved: dict[UUID, tuple[int, float]] = field(default_factory=dict)
    """Of waiting runs: how many parents were missing at the last look, and when that last became fewer."""
    _answers: dict[UUID, tuple[float, int | None]] = field(default_factory=dict)

    def expiry(self) -> PeriodicTask:
        """Announces what is over: at that moment, or with the next poll where another process made it due."""
        timer = PeriodicTask("expiry", self.settings.expiry_poll_milliseconds / 1000, self._expire)
        self._look_within = timer.run_again_within
        return timer

    def reminders(self) -> PeriodicTask:
        """Reminds those who have not signed up."""
        return PeriodicTask("reminders", self.settings.reminder_poll_seconds, self._remind)

    def listing(self) -> PeriodicTask:
        """Lists the parents of new runs, once the copy of the roster is complete."""
        timer = PeriodicTask("bulk-listing", self.settings.bulk_rest_seconds, self._list)
        self.arrivals.wake = timer.wake
        return timer

    def expansion(self) -> PeriodicTask:
        """Sends the messages of runs, at their pace."""
        timer = PeriodicTask("bulk-expansion", self.settings.bulk_rest_seconds, self._expand)
        self.outcomes.wake = timer.wake
        return timer

    def wishes(self) -> PeriodicTask:
        """Invites whose wish two workers at once have passed over."""
        return PeriodicTask("wishes", self.settings.wish_poll_seconds, self._fulfil)

    def mornings(self) -> PeriodicTask:
        """Sends what waited for the end of quiet hours."""
        return PeriodicTask("quiet-hours", self.settings.quiet_poll_seconds, self._release)

    async def _release(self) -> bool:
        async with self.database.transaction() as tx:
            return await release(tx, self.desk, self.settings.batch_size)

    async def _expire(self) -> bool:
        """A look; where it was not enough, two at a time: the database writes for one while the other is prepared."""
        if not await self._expire_some():
            return False
        failures = await asyncio.gather(self._expire_on(), self._expire_on(), return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure
        return True

    async def _expire_on(self) -> None:
        for _ in range(EXPIRY_LOOKS):
            if not await self._expire_some():
                return

    async def _expire_some(self) -> bool:
        limit = EXPIRY_BATCHES * self.settings.batch_size
        async with self.database.transaction(first=overdue(limit)) as tx:
            found = await expire(tx)
        if found.next_in is not None:
            self._look_within(max(found.next_in.total_seconds(), GATHERED_SECONDS) + CLOCK_SECONDS)
        return found.count == limit

    async def _remind(self) -> bool:
        async with self.database.transaction() as tx:
            return await remind(tx, self.desk, self.settings.batch_size)

    async def _fulfil(self) -> bool:
        async with self.database.transaction() as tx:
            return await fulfil_left(tx, self.desk, self.settings.batch_size)

    async def _expand(self) -> bool:
        since = self.outcomes.committed
        async with self.database.transaction() as tx:
            lacking = await expand(
                tx,
                self.desk,
                batch_size=self.settings.batch_size,
                outstanding_limit=self.settings.bulk_outstanding_limit,
            )
        self.outcomes.expect(lacking or None, since)
        if lacking:
            self.outcomes.run_again_within(self.settings.bulk_poll_milliseconds / 1000)
        return lacking == 0

    async def _list(self) -> bool:
        since = self.arrivals.committed
        async with self.database.transaction() as tx:
            unlisted = await find_unlisted(tx)
        missing = [await self._list_one(run) for run in unlisted]
        if unlisted:
            awaited = min(filter(None, missing), default=None)
            self.arrivals.expect(None if awaited is None else min(awaited, self.settings.batch_size), since)
            self.arrivals.run_again_within(self.settings.bulk_poll_milliseconds / 1000)
        waiting = {run.bulk_id for run in unlisted}
        self._moved = {key: one for key, one in self._moved.items() if key in waiting}
        self._answers = {key: one for key, one in self._answers.items() if key in waiting}
        return False

    async def _ask(self, bulk_id: UUID, school_id: UUID) -> int | None:
        """How many parents the roster has, asked anew every few seconds. What another run was told may be too old."""
        if bulk_id not in self._answers or not _is_fresh(self._answers[bulk_id][0]):
            self._answers[bulk_id] = time.monotonic(), await self.count_parents(school_id)
        return self._answers[bulk_id][1]

    async def _list_one(self, run: Run) -> int:
        """List all, or those who are here while others are on their way; for how many it waits."""
        found = await gap(self.database, partial(self._ask, run.bulk_id), run.school_id, run.selection)
        waited = self._waited(run.bulk_id, None if found.silent else found.missing)
        patience = self.settings.roster_patience_seconds if found.silent else self.settings.catch_up_seconds
        if (found.missing or found.silent) and waited < patience:
            async with self.database.transaction() as tx:
                await list_arrived(tx, run.bulk_id)
            # Whoever looked for something to send meanwhile found the run locked.
            self.outcomes.wake()
            return found.missing
        async with self.database.transaction() as tx:
            await list_parents(tx, run.bulk_id, found.missing, found.note)
        self.outcomes.wake()
        return 0

    def _waited(self, bulk_id: UUID, missing: int | None) -> float:
        """Seconds in which none of those missing has arrived: an import is waited for as long as it comes in.

        `missing`: None where nobody knows.
        """
        now = time.monotonic()
        before, moved = self._moved.get(bulk_id, (0, now))
        fewer = missing is not None and missing < before
        self._moved[bulk_id] = before if missing is None else missing, now if fewer else moved
        return now - self._moved[bulk_id][1]


def _is_fresh(asked: float) -> bool:
    return time.monotonic() - asked < ASKED_ANEW_SECONDS
