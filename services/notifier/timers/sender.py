"""The loop of one channel and lane."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from services.notifier.channels.base import Channel
from services.notifier.domain.messages import Claim, Message, Outcome, Result, Verdict
from services.notifier.domain.quiet import held as held_by_night
from services.notifier.domain.reports import CONFIRMING
from services.notifier.service.claiming import Links, Queue, claim, renew
from services.notifier.service.recording import record
from services.notifier.service.reporting import taken_already
from services.notifier.service.spending import spend
from services.notifier.service.suppressing import stopped
from services.notifier.timers.attempt import Attempts
from shared.runtime.database import Database
from shared.runtime.errors import is_transient
from shared.runtime.logging import describe, get_logger
from shared.runtime.timers import Timer

CLAIMED_PER_CONNECTION = 16
EXPIRY_LOOK_SECONDS = 30.0
DRAIN_SECONDS = 10.0
log = get_logger("sender")


@dataclass(slots=True)
class Held:
    """A claimed message in this process. `until`: when the lease ends, on the event loop's clock."""

    claim: Claim
    claimed_at: datetime
    until: float


class Sender:
    """Sends what is due on one channel and lane, over `connections` at once.

    An async context manager: leaving it lets attempts under way end, records them, and gives back what was not tried.
    Each round records what ended, renews leases and claims as much as there is room for, in one transaction. A round
    never waits for a provider, so a hung one costs its own places and nothing else.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        queue: Queue,
        links: Links,
        *,
        connections: int,
        poll_seconds: float,
        texts_per_hour: int = 0,
    ) -> None:
        """`texts_per_hour`: how many a school may send to phones; 0 is no limit."""
        self.queue = queue
        self.timer = Timer(f"send.{queue.channel}.{queue.lane.value}", poll_seconds, self.round)
        self._database = database
        self._texts_per_hour = texts_per_hour
        self._channel = channel
        self._attempts = Attempts(channel, queue, links, self._ask)
        self._room = connections * CLAIMED_PER_CONNECTION
        self._places = asyncio.Semaphore(connections)
        self._held: dict[UUID, Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[Outcome] = []
        self._renew_at = 0.0
        self._expiry_at = 0.0
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.__aexit__(kind, error, trace)
        try:
            await self.round()
        except Exception as failure:
            if not is_transient(failure):
                raise
            # Their leases run out, and another sender repeats them with the same Message-ID.
            log.warning("outcomes.not_recorded", messages=len(self._ended), **describe(failure))

    async def _ask(self, message: Message) -> Result | None:
        """How an attempt ends without a call, where the channel hears of STOPs and of lost copies; else None.

        A copy that arrived is told as sent, whatever was said since. STOP is looked for last, as counting may wait.
        """
        if self.queue.channel not in CONFIRMING:
            return None
        try:
            async with self._database.transaction() as tx:
                return (
                    await taken_already(tx, message)
                    or held_by_night(message, tx.now)
                    or await spend(tx, message, self._texts_per_hour)
                    or await stopped(tx, message)
                )
        except Exception as failure:
            if not is_transient(failure):
                raise
            return Result(Verdict.NOT_TRIED, retry_after_seconds=1.0)

    async def round(self) -> bool:
        """One look: record, renew, claim. Answers whether more can be recorded at once."""
        now = asyncio.get_running_loop().time()
        ended = list(self._ended)
        room, expired_only = self._allowance(now)
        held = list(self._held.values()) if now >= self._renew_at else []
        if not (ended or room or held):
            return False
        async with self._database.transaction() as tx:
            await record(tx, ended, self.queue.policy, lane=self.queue.lane)
            kept = await renew(tx, self.queue, [each.claim for each in held])
            claims = await claim(tx, self.queue, limit=room, expired_only=expired_only)
        del self._ended[: len(ended)]
        until = now + self.queue.lease_seconds
        for each in held:
            each.until = until if each.claim.message.message_id in kept else 0.0
        if held or not self._held:
            self._renew_at = now + self.queue.lease_seconds / 3
        for claimed in claims:
            self._start(Held(claimed, tx.now, until))
        return bool(self._ended)

    def _allowance(self, now: float) -> tuple[int, bool]:
        """How many messages to claim, and whether only those whose time is over.

        A channel that is down sends nothing, but what expires meanwhile must be told.
        """
        if self._closing:
            return 0, False
        free = self._room - len(self._held)
        room = self._attempts.breaker.allowance(now, free, len(self._held))
        if room or now < self._expiry_at:
            return room, False
        self._expiry_at = now + EXPIRY_LOOK_SECONDS
        return free, True

    def _start(self, held: Held) -> None:
        self._held[held.claim.message.message_id] = held
        task = asyncio.create_task(self._work(held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, held: Held) -> None:
        """Send one message; without an outcome where the lease was lost before it began, as another sender has it."""
        message_id = held.claim.message.message_id
        result: Result | None = None
        try:
            async with self._places:
                if self._closing:
                    result = Result(Verdict.NOT_TRIED)
                elif asyncio.get_running_loop().time() < held.until:
                    result = await self._attempts.attempt(held.claim.message)
        finally:
            if self._held.get(message_id) is held:
                del self._held[message_id]
        if result is not None:
            self._ended.append(Outcome(held.claim, result, held.claimed_at))
        self.timer.wake()
