"""Messages in flight: claimed by a sender, waiting for a connection or being sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifier.domain.messages import Claim, Outcome, Result, Verdict
from services.notifier.sending.attempt import Attempts, Clock
from services.notifier.sending.outcome_buffer import UNRECORDED_LIMIT, OutcomeBuffer
from services.notifier.sending.sessions import ActiveSession, Sessions, destination_of

CLAIMED_PER_CONNECTION = 16
MOST_CLAIMED = 2_048
HANDED_OVER = MOST_CLAIMED
QUICK_SECONDS, SLOW_SECONDS = 1.0, 2.0
ADAPT_SECONDS = 0.1
WATCH_SECONDS = 0.25
RETURN_SECONDS, RETURN_SPACING_SECONDS, LONGEST_RETURN_SECONDS = 5.0, 0.02, 600.0


@dataclass(slots=True)
class InFlightMessage:
    """A claimed message. `added_at` and `lease_until` are seconds of the clock of its `InFlightMessages`."""

    claim: Claim
    claimed_at: datetime
    added_at: float
    lease_until: float
    destination: str = ""


class InFlightMessages:
    """Messages that one sender has claimed, sent over `sessions`.

    The consumer of this process adds new messages as well: it claims up to `handover_capacity` messages as it inserts
    them, and calls `add` once they are committed, or `request_poll` for messages that remain in the queue.

    `target` is the number of claimed messages to hold, about one second of sending, so that other replicas get work and
    leases rarely need renewal. Messages added by the consumer may exceed it, because they need no separate claim.
    No attempt begins while `unrecorded_limit` messages are being sent or may have been accepted without being recorded.
    `on_outcome` is called after each outcome, `request_round` when a round of the sender is needed at once.

    Retries and messages to slow destinations wait apart from the others, for the sessions that `Sessions` leaves them;
    what exceeds a quarter of the target goes back to the queue.
    """

    def __init__(
        self,
        attempts: Attempts,
        outcomes: OutcomeBuffer,
        *,
        sessions: Sessions,
        lease_seconds: float,
        on_outcome: Callable[[], None],
        request_round: Callable[[], None],
        clock: Clock,
        unrecorded_limit: int = UNRECORDED_LIMIT,
    ) -> None:
        self.messages: dict[UUID, InFlightMessage] = {}
        self.lease_seconds = lease_seconds
        self.target = sessions.limit * CLAIMED_PER_CONNECTION
        self.has_backlog = True
        self.is_closing = False
        self._lowest_target = self.target
        self._attempts = attempts
        self._outcomes = outcomes
        self._sessions = sessions
        self._on_outcome = on_outcome
        self._request_round = request_round
        self._clock = clock
        self._unrecorded_limit = unrecorded_limit
        self._waiting: deque[InFlightMessage] = deque()
        self._limited: deque[InFlightMessage] = deque()
        self._returned = 0
        self._watch: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._working = 0
        self._starting = 0
        self._sent_since = 0
        self._longest_seconds = 0.0
        self._adapted_at = 0.0
        self._renew_at = 0.0
        self._bug: BaseException | None = None

    def claim_limit(self) -> int:
        """Return how many messages to claim from the queue: none until half of the target has been sent."""
        free = self.target - len(self.messages)
        return free if 2 * free >= self.target else 0

    def handover_capacity(self) -> int:
        """Return how many new messages the consumer may claim: none while older ones wait or the channel is down."""
        if self.has_backlog or self.is_closing or not self._attempts.breaker.is_closed:
            return 0
        return max(0, max(self.target, HANDED_OVER) - len(self.messages))

    def lease_end(self) -> float:
        """Return when a lease that begins now ends, in seconds of the clock."""
        return self._clock() + self.lease_seconds

    def request_poll(self) -> None:
        """Have the queue polled, because it holds messages that nobody has claimed."""
        self.has_backlog = True
        self._request_round()

    def add(self, claims: Iterable[Claim], claimed_at: datetime, lease_until: float) -> None:
        """Begin to send claimed messages as soon as a connection is free."""
        now = self._clock()
        if not self.messages:
            self._renew_at = now + self.lease_seconds / 3
        for claim in claims:
            destination = destination_of(claim.message)
            message = InFlightMessage(claim, claimed_at, now, lease_until, destination)
            self.messages[claim.message.message_id] = message
            self._queue_for(message, now).append(message)
        if self.is_closing:
            self._give_back()
        elif len(self._limited) > self.target // 4:
            self._return_limited()
        self._start_workers()

    def due_for_renewal(self, now: float) -> list[InFlightMessage]:
        """Return the messages whose leases are to be renewed: all of them, each third of a lease."""
        return list(self.messages.values()) if now >= self._renew_at else []

    def renew(self, messages: Sequence[InFlightMessage], held: Collection[UUID], now: float) -> None:
        """Extend the leases, from `now` on, of the messages that are still held; end those of the others."""
        for message in messages:
            is_held = message.claim.message.message_id in held
            message.lease_until = now + self.lease_seconds if is_held else 0.0
        if messages or not self.messages:
            self._renew_at = now + self.lease_seconds / 3

    def discard_outcomes(self, outcomes: Sequence[Outcome], now: float) -> None:
        """Remove outcomes that were recorded, and begin to send messages that had to wait for that.

        The number of messages sent and the longest time of one message adapt the target, at most every
        `ADAPT_SECONDS`.
        """
        self._outcomes.discard(outcomes, now)
        self._sent_since += len(outcomes)
        if now - self._adapted_at >= ADAPT_SECONDS:
            self._adapt_target()
            self._sent_since, self._longest_seconds, self._adapted_at = 0, 0.0, now
        self._start_workers()

    def raise_bug(self) -> None:
        """Raise the exception that ended a worker, if there is one; any such exception is a bug."""
        if self._bug is not None:
            raise self._bug

    async def close(self, seconds: float) -> None:
        """Wait up to `seconds` for attempts under way; end messages that were not begun as not tried."""
        self.is_closing = True
        self._give_back()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await self.abort()

    async def abort(self) -> None:
        """Cancel all attempts. Messages whose outcome is not recorded are sent again when their lease ends."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _adapt_target(self) -> None:
        """Double the target while a quarter of it is sent between two calls; halve it when a message is slow."""
        if self._longest_seconds > SLOW_SECONDS:
            self.target = max(self._lowest_target, self.target // 2)
        elif self._longest_seconds < QUICK_SECONDS and 4 * self._sent_since >= self.target:
            self.target = min(MOST_CLAIMED, 2 * self.target)

    def _queue_for(self, message: InFlightMessage, now: float) -> deque[InFlightMessage]:
        is_limited = message.claim.attempts > 0 or self._sessions.is_slow(message.destination, now)
        return self._limited if is_limited else self._waiting

    def _start_workers(self) -> None:
        unrecorded = self._unrecorded_limit - self._outcomes.accepted - self._working
        free = min(self._sessions.free - self._starting, unrecorded)
        for _ in range(min(len(self._waiting) + len(self._limited), free)):
            self._working += 1
            self._starting += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._on_done)
        if self._tasks and self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._on_watch)

    def _on_watch(self) -> None:
        """Have slow sessions give way to messages that wait, and begin to send those."""
        self._watch = None
        now = self._clock()
        self._sessions.yield_overdue(now, others_wait=bool(self._waiting))
        if self._sessions.has_slow:
            self._sort_waiting(now)
        self._start_workers()

    def _sort_waiting(self, now: float) -> None:
        """Let messages wait apart whose destination has become slow, and no longer those whose is not."""
        messages = sorted([*self._waiting, *self._limited], key=lambda message: message.added_at)
        self._waiting.clear()
        self._limited.clear()
        for message in messages:
            self._queue_for(message, now).append(message)
        if len(self._limited) > self.target // 4:
            self._return_limited()

    def _next_message(self) -> tuple[InFlightMessage, bool] | None:
        """Return the next message that may use a session, and whether it counts towards the limited share."""
        if self._limited and (message := self._next_limited()) is not None:
            return message, True
        return (self._waiting.popleft(), False) if self._waiting else None

    def _next_limited(self) -> InFlightMessage | None:
        """Remove and return the next message for the limited share, one to a destination that is not slow first."""
        if not self._sessions.has_limited_share(others_wait=bool(self._waiting)):
            return None
        now, full = self._clock(), self._sessions.full_destinations()
        allowed = [message for message in self._limited if message.destination not in full]
        if not allowed:
            return None
        quick = (message for message in allowed if not self._sessions.is_slow(message.destination, now))
        message = next(quick, allowed[0])
        self._limited.remove(message)
        return message

    async def _work(self) -> None:
        """Send waiting messages one after the other, until none waits or the limit of unrecorded ones is reached."""
        task = asyncio.current_task()
        assert task is not None
        self._starting -= 1
        try:
            while (
                self._working + self._outcomes.accepted <= self._unrecorded_limit and self._sessions.free > 0
            ):
                chosen = self._next_message()
                if chosen is None:
                    break
                await self._send(chosen[0], task, is_limited=chosen[1])
                self._on_outcome()
        finally:
            # Counted here and not when the task is done, which is later: messages added in between start a worker.
            self._working -= 1

    async def _send(self, message: InFlightMessage, task: asyncio.Task[None], *, is_limited: bool) -> None:
        session = ActiveSession(message.destination, self._clock(), task, is_limited)
        self._sessions.begin(session)
        result: Result | None = None
        try:
            result = await self._attempt(message, session)
        except asyncio.CancelledError:
            if not session.is_displaced or task.uncancel():
                raise
            result = Result(Verdict.TRY_LATER, "timeout", "The mail server did not answer in time.")
        finally:
            now = self._clock()
            is_answered = result is not None and result.verdict in (Verdict.SENT, Verdict.REFUSED)
            if self._sessions.end(session, now, is_answered=is_answered):
                self._sort_waiting(now)
            self._end(message, result, is_limited=session.is_limited)

    async def _attempt(self, message: InFlightMessage, session: ActiveSession) -> Result | None:
        """Return the result, or None where the lease was lost before anything was sent."""

        def has_lease() -> bool:
            return self._clock() < message.lease_until

        def is_held() -> bool:
            return not self.is_closing and has_lease()

        def on_interruptible(is_interruptible: bool) -> None:  # noqa: FBT001 (a signal with one value)
            session.is_interruptible = is_interruptible

        result = None
        if has_lease():
            result = await self._attempts.attempt(message.claim.message, is_held, on_interruptible)
        return Result(Verdict.NOT_TRIED) if result is None and self.is_closing else result

    def _return_limited(self) -> None:
        """Give limited messages that exceed a quarter of the target back to the queue, due one after the other."""
        while len(self._limited) > self.target // 4:
            self._returned += 1
            wait_seconds = min(
                RETURN_SECONDS + self._returned * RETURN_SPACING_SECONDS, LONGEST_RETURN_SECONDS
            )
            reason = "Its destination answers slowly."
            result = Result(Verdict.NOT_TRIED, "destination_slow", reason, retry_after_seconds=wait_seconds)
            self._end(self._limited.pop(), result, is_limited=True)
        self._on_outcome()

    def _give_back(self) -> None:
        for waiting in (self._waiting, self._limited):
            while waiting:
                self._end(waiting.popleft(), Result(Verdict.NOT_TRIED))

    def _end(self, message: InFlightMessage, result: Result | None, *, is_limited: bool = False) -> None:
        message_id = message.claim.message.message_id
        if self.messages.get(message_id) is message:
            del self.messages[message_id]
        if not is_limited:
            self._longest_seconds = max(self._longest_seconds, self._clock() - message.added_at)
        if not self._limited:
            self._returned = 0
        if result is not None:
            self._outcomes.add(Outcome(message.claim, result, message.claimed_at))

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
            self._request_round()
