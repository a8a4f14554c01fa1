"""What one sender has in hand: claimed messages that wait for a connection or are under way, and how they ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifier.domain.messages import Claim, Outcome, Result, Verdict
from services.notifier.timers.attempt import Attempts

CLAIMED_PER_CONNECTION = 16
MOST_CLAIMED = 2_048
HANDED_OVER = MOST_CLAIMED
QUICK_SECONDS, SLOW_SECONDS = 1.0, 2.0


@dataclass(slots=True)
class Held:
    """A claimed message. `since` and `until` are on the event loop's clock: when it came, when the lease ends."""

    claim: Claim
    claimed_at: datetime
    since: float
    until: float

    def is_ours(self) -> bool:
        """The lease holds."""
        return asyncio.get_running_loop().time() < self.until


class Hands:
    """Sends what it is given over so many connections at once; `ended` is called after each.

    `room` is how many messages to have in hand: about what is sent in a second, so that another sender finds work, too,
    and no lease has to be renewed while the channel is quick. What the consumer of this process hands over may be more:
    it costs a row less here than anywhere else.
    """

    def __init__(self, attempts: Attempts, connections: int, ended: Callable[[], None]) -> None:
        self.held: dict[UUID, Held] = {}
        self.outcomes: list[Outcome] = []
        self.closing = False
        self.room = connections * CLAIMED_PER_CONNECTION
        self._least = self.room
        self._attempts = attempts
        self._connections = connections
        self._ended = ended
        self._waiting: deque[Held] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working = 0
        self._longest = 0.0
        self._bug: BaseException | None = None

    def free(self) -> int:
        """How many messages to claim from the queue: none before half of what there is room for has gone."""
        free = self.room - len(self.held)
        return free if 2 * free >= self.room else 0

    def places(self) -> int:
        """How many new messages may be claimed as they come."""
        return max(0, max(self.room, HANDED_OVER) - len(self.held))

    def take(self, claims: Iterable[Claim], claimed_at: datetime, until: float) -> None:
        """Begin with these as soon as a connection is free."""
        since = asyncio.get_running_loop().time()
        for claim in claims:
            held = Held(claim, claimed_at, since, until)
            self.held[claim.message.message_id] = held
            self._waiting.append(held)
        if self.closing:
            self._give_back()
        for _ in range(min(len(self._waiting), self._connections - self._working)):
            self._working += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def recorded(self, outcomes: Sequence[Outcome]) -> None:
        """Forget the first outcomes; what they show of the channel's pace decides how many to have in hand."""
        del self.outcomes[: len(outcomes)]
        if self._longest > SLOW_SECONDS:
            self.room = max(self._least, self.room // 2)
        elif self._longest < QUICK_SECONDS and 4 * len(outcomes) >= self.room:
            self.room = min(MOST_CLAIMED, 2 * self.room)
        self._longest = 0.0

    def raise_bug(self) -> None:
        """Raise what ended a worker, if anything has: nothing it does may do that."""
        if self._bug is not None:
            raise self._bug

    async def close(self, seconds: float) -> None:
        """Let attempts under way end within `seconds`; what was not begun ends as not tried."""
        self.closing = True
        self._give_back()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        """Send what waits, one after the other."""
        try:
            while self._waiting:
                held = self._waiting.popleft()
                result: Result | None = None
                try:
                    result = await self._attempt(held)
                finally:
                    self._end(held, result)
                self._ended()
        finally:
            # Here and not when the task is done, which is later: what comes between finds a free place.
            self._working -= 1

    async def _attempt(self, held: Held) -> Result | None:
        """None where the lease was lost before anything was sent: another sender has the message."""

        def ours() -> bool:
            return not self.closing and held.is_ours()

        result = await self._attempts.attempt(held.claim.message, ours) if held.is_ours() else None
        return Result(Verdict.NOT_TRIED) if result is None and self.closing else result

    def _give_back(self) -> None:
        while self._waiting:
            self._end(self._waiting.popleft(), Result(Verdict.NOT_TRIED))

    def _end(self, held: Held, result: Result | None) -> None:
        if self.held.get(held.claim.message.message_id) is held:
            del self.held[held.claim.message.message_id]
        self._longest = max(self._longest, asyncio.get_running_loop().time() - held.since)
        if result is not None:
            self.outcomes.append(Outcome(held.claim, result, held.claimed_at))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
            self._ended()
