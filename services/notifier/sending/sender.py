"""Sender of queued messages: claims, calls the channel, records outcomes."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Channel
from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.sending.attempt import Attempts, Clock
from services.notifier.sending.in_flight import InFlightMessages
from services.notifier.sending.outcome_buffer import UNRECORDED_LIMIT, OutcomeBuffer
from services.notifier.sending.poll_schedule import PollSchedule
from services.notifier.sending.sessions import Sessions
from services.notifier.use_cases.check_before_sending import check_before_sending
from services.notifier.use_cases.claim import Queue, claim_messages, renew_claims
from services.notifier.use_cases.compose_message import MessageComposer
from services.notifier.use_cases.record_outcomes import record_outcomes
from shared.contracts.values import PHONE_CHANNELS
from shared.runtime.background import PeriodicTask
from shared.runtime.core import is_transient
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from shared.runtime.observability import describe_error, get_logger

EXPIRY_POLL_SECONDS = 30.0
DRAIN_SECONDS = 10.0
RECORD_DELAY_SECONDS = {Lane.SINGLE: 0.05, Lane.BULK: 0.1}
LINGERING_EMAILS, LINGERING_TEXTS = 1, 8
log = get_logger("sender")


class Sender:
    """Sender of one channel and lane, over `connections` at once.

    An async context manager: on exit it waits for attempts under way, records them, and gives the other messages back.
    Each round records outcomes, renews leases and, where messages wait, claims as many as can be sent, in one
    transaction. A round never waits for a provider, so a provider that hangs blocks its own connections only.

    `in_flight` also receives new messages from the consumer of this process. `attempts` holds the circuit breaker.
    `texts_per_hour` is the rate limit of texts per school; 0 means no limit. `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        queue: Queue,
        composer: MessageComposer,
        *,
        connections: int,
        poll_seconds: float,
        texts_per_hour: int = 0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.queue = queue
        self.periodic_task = PeriodicTask(
            f"send.{queue.channel}.{queue.lane.value}", poll_seconds, self.round
        )
        self.attempts = Attempts(channel, queue, composer, self._check, clock=clock)
        self.outcomes = OutcomeBuffer(
            self.periodic_task.wake, delay_seconds=RECORD_DELAY_SECONDS[queue.lane], clock=clock
        )
        self.in_flight = InFlightMessages(
            self.attempts,
            self.outcomes,
            sessions=Sessions(connections, lingering_limit(queue.channel, connections)),
            lease_seconds=queue.lease_seconds,
            on_outcome=self._on_outcome,
            request_round=self.periodic_task.wake,
            clock=clock,
            unrecorded_limit=_unrecorded_limit(queue.channel, connections),
        )
        self._database = database
        self._channel = channel
        self._texts_per_hour = texts_per_hour
        self._clock = clock
        self._polls = PollSchedule(poll_seconds)
        self._expiry_poll_at = 0.0

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.in_flight.close(DRAIN_SECONDS)
        await self._channel.__aexit__(kind, error, trace)
        try:
            await self.round()
        except Exception as failure:
            if not is_transient(failure):
                raise
            # Their leases run out, and another sender sends the messages again with the same Message-ID.
            log.warning("outcomes.not_recorded", messages=len(self.outcomes), **describe_error(failure))

    async def round(self) -> bool:
        """Record outcomes, renew leases, and claim messages; return whether more can be recorded at once."""
        now = self._clock()
        in_flight = self.in_flight
        in_flight.raise_bug()
        outcomes = self.outcomes.snapshot()
        limit, expired_only = self._claim_limit(now)
        renewed = in_flight.due_for_renewal(now)
        if not (outcomes or limit or renewed):
            return False
        # Cleared before the claim, because messages that are inserted during it are not claimed.
        in_flight.has_backlog = in_flight.has_backlog and not limit
        async with self._database.transaction() as tx:
            await record_outcomes(tx, outcomes, self.queue.policy, lane=self.queue.lane)
            held = await renew_claims(tx, self.queue, [message.claim for message in renewed])
            claims = await claim_messages(tx, self.queue, limit=limit, expired_only=expired_only)
        in_flight.renew(renewed, held, now)
        if limit:
            self._polls.record_poll(now, has_found=bool(claims))
            in_flight.has_backlog = in_flight.has_backlog or bool(claims)
        if any(outcome.result.verdict is not Verdict.SENT for outcome in outcomes):
            self._polls.expect_retry(now)
        in_flight.discard_outcomes(outcomes, now)
        in_flight.add(claims, tx.now, now + self.queue.lease_seconds)
        return self.outcomes.is_due(is_idle=not in_flight.messages)

    async def _check(self, message: Message) -> Result | None:
        """Return the result of an attempt that must not be made; checked for channels to phones only."""
        if self.queue.channel not in PHONE_CHANNELS:
            return None
        try:
            async with self._database.transaction() as tx:
                return await check_before_sending(tx, message, texts_per_hour=self._texts_per_hour)
        except Exception as failure:
            if not is_transient(failure):
                raise
            return Result(Verdict.NOT_TRIED, retry_after_seconds=1.0)

    def _claim_limit(self, now: float) -> tuple[int, bool]:
        """Return how many messages to claim, and whether only expired ones.

        While the channel is down nothing is sent, but messages that expire must be announced.
        """
        in_flight = self.in_flight
        if in_flight.is_closing or not (in_flight.has_backlog or self._polls.is_due(now)):
            return 0, False
        free = in_flight.claim_limit()
        limit = self.attempts.breaker.limit_claims(now, free, len(in_flight.messages))
        if limit or now < self._expiry_poll_at:
            return limit, False
        self._expiry_poll_at = now + EXPIRY_POLL_SECONDS
        return free, True

    def _on_outcome(self) -> None:
        """Start a round if outcomes are to be recorded, or if messages wait and none is in flight; otherwise later."""
        is_idle = not self.in_flight.messages
        if self.in_flight.has_backlog and is_idle:
            self.periodic_task.wake()
        else:
            self.outcomes.schedule(is_idle=is_idle)


def _unrecorded_limit(channel: str, connections: int) -> int:
    """Return the limit of unrecorded messages.

    Only an e-mail message is sent twice when its outcome is lost: for a text, the provider reports on the first copy,
    so the limit need not restrict its connections.
    """
    if channel not in PHONE_CHANNELS:
        return UNRECORDED_LIMIT
    return UNRECORDED_LIMIT + connections + lingering_limit(channel, connections)


def lingering_limit(channel: str, connections: int) -> int:
    """Return how many attempts may wait for the provider's answer beyond `connections`, for its channel to allow.

    Each number of a text may hang by itself, and a request costs less than an SMTP session.
    """
    return connections * (LINGERING_TEXTS if channel in PHONE_CHANNELS else LINGERING_EMAILS)
