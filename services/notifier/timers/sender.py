"""The loop of one channel and lane."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Channel
from services.notifier.domain.messages import Claim, Message, Result, Verdict
from services.notifier.domain.quiet import held as held_by_night
from services.notifier.domain.reports import CONFIRMING
from services.notifier.service.claiming import Links, Queue, claim, renew
from services.notifier.service.recording import record
from services.notifier.service.reporting import taken_already
from services.notifier.service.spending import spend
from services.notifier.service.suppressing import stopped
from services.notifier.timers.attempt import Attempts
from services.notifier.timers.hands import Hands
from services.notifier.timers.pace import Pace
from shared.runtime.background import PeriodicTask
from shared.runtime.core import is_transient
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from shared.runtime.observability import describe_error, get_logger

EXPIRY_LOOK_SECONDS = 30.0
DRAIN_SECONDS = 10.0
RECORD_BATCH = 500
RECORD_SECONDS = {Lane.SINGLE: 0.05, Lane.BULK: 0.1}
"""What was accepted in so long and is not recorded may be sent again when this process is killed."""
log = get_logger("sender")


class Sender:
    """Sends what is due on one channel and lane, so many `connections` at once.

    An async context manager: leaving it lets attempts under way end, records them, and gives back what was not tried.
    Each round records what ended, renews leases and, where messages wait, claims as many as there is room for, in one
    transaction. A round never waits for a provider, so a hung one costs its own places and nothing else. What the
    consumer of this process claims while it takes commands in needs no round before it is sent.
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
        self.timer = PeriodicTask(f"send.{queue.channel}.{queue.lane.value}", poll_seconds, self.round)
        self._database = database
        self._texts_per_hour = texts_per_hour
        self._channel = channel
        self._attempts = Attempts(channel, queue, links, self._ask)
        self.hands = Hands(self._attempts, connections, self._ended)
        self._pace = Pace(poll_seconds, RECORD_SECONDS[queue.lane])
        self._recording: asyncio.TimerHandle | None = None
        self._backlog = True
        self._renew_at = 0.0
        self._expiry_at = 0.0

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hands.close(DRAIN_SECONDS)
        await self._channel.__aexit__(kind, error, trace)
        try:
            await self.round()
        except Exception as failure:
            if not is_transient(failure):
                raise
            # Their leases run out, and another sender repeats them with the same Message-ID.
            log.warning("outcomes.not_recorded", messages=len(self.hands.outcomes), **describe_error(failure))

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

    @property
    def lease_seconds(self) -> float:
        """How long a claim holds."""
        return self.queue.lease_seconds

    def places(self) -> int:
        """How many new messages may be claimed for this sender as they come: none while older ones wait."""
        if self._backlog or self.hands.closing or not self._attempts.breaker.closed:
            return 0
        return self.hands.places()

    def begin(self, claims: Sequence[Claim], claimed_at: datetime, until: float) -> None:
        """Send what was claimed for this sender as it came."""
        if not self.hands.held:
            self._renew_at = asyncio.get_running_loop().time() + self.queue.lease_seconds / 3
        self.hands.take(claims, claimed_at, until)

    def look(self) -> None:
        """Messages were queued: claim what there is room for."""
        self._backlog = True
        self.timer.wake()

    async def round(self) -> bool:
        """One look: record, renew, claim. Answers whether more can be recorded at once."""
        now = asyncio.get_running_loop().time()
        self.hands.raise_bug()
        ended = list(self.hands.outcomes)
        room, expired_only = self._allowance(now)
        held = list(self.hands.held.values()) if now >= self._renew_at else []
        if not (ended or room or held):
            return False
        # Before the claim: what is queued meanwhile is not in it.
        self._backlog = self._backlog and not room
        async with self._database.transaction() as tx:
            await record(tx, ended, self.queue.policy, lane=self.queue.lane)
            kept = await renew(tx, self.queue, [each.claim for each in held])
            claims = await claim(tx, self.queue, limit=room, expired_only=expired_only)
        until = now + self.queue.lease_seconds
        for each in held:
            each.until = until if each.claim.message.message_id in kept else 0.0
        if held or not self.hands.held:
            self._renew_at = now + self.queue.lease_seconds / 3
        if room:
            self._pace.looked(now, found=bool(claims))
            self._backlog = self._backlog or bool(claims)
        if ended:
            self._pace.recorded(now)
        if any(outcome.result.verdict is not Verdict.SENT for outcome in ended):
            self._pace.left_for_later(now)
        self.hands.recorded(ended)
        self.hands.take(claims, tx.now, until)
        return self._worth_recording()

    def _allowance(self, now: float) -> tuple[int, bool]:
        """How many messages to claim, and whether only those whose time is over.

        A channel that is down sends nothing, but what expires meanwhile must be told.
        """
        if self.hands.closing or not (self._backlog or self._pace.wants_look(now)):
            return 0, False
        in_hand = len(self.hands.held)
        free = self.hands.free()
        room = self._attempts.breaker.allowance(now, free, in_hand)
        if room or now < self._expiry_at:
            return room, False
        self._expiry_at = now + EXPIRY_LOOK_SECONDS
        return free, True

    def _worth_recording(self) -> bool:
        """There are many outcomes; or none will follow soon, and none was recorded just now."""
        outcomes = len(self.hands.outcomes)
        rested = self._pace.has_rested(asyncio.get_running_loop().time())
        return outcomes >= RECORD_BATCH or (outcomes > 0 and not self.hands.held and rested)

    def _ended(self) -> None:
        """An attempt has ended: record it at once, or in a moment with others. An empty hand may find more."""
        if self._worth_recording() or (self._backlog and not self.hands.held):
            self.timer.wake()
        elif self._recording is None:
            self._recording = asyncio.get_running_loop().call_later(
                self._pace.record_seconds, self._record_now
            )

    def _record_now(self) -> None:
        self._recording = None
        self.timer.wake()
