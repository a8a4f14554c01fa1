"""Attempts to send single messages over one channel."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from services.notifier.channels.base import (
    Channel,
    LeaseLost,
    OutboundMessage,
    Receipt,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.domain.retry import CircuitBreaker
from services.notifier.use_cases.claim import Queue
from services.notifier.use_cases.compose_message import MessageComposer
from shared.runtime.observability import get_logger

Clock = Callable[[], float]
"""Returns seconds of a monotonic clock."""
Check = Callable[[Message], Awaitable[Result | None]]
"""Returns the result of an attempt that must not be made, or None if the provider may be called."""
_chance = random.SystemRandom().random
log = get_logger("sender")


class Attempts:
    """Attempts over one channel, with the circuit breaker of the channel.

    `check` is called before every attempt. `breaker` may be replaced, by tests as well.
    """

    def __init__(
        self, channel: Channel, queue: Queue, composer: MessageComposer, check: Check, *, clock: Clock
    ) -> None:
        self.breaker = CircuitBreaker()
        self._check = check
        self._channel = channel
        self._composer = composer
        self._clock = clock
        self._labels = {"channel": queue.channel, "lane": queue.lane.value}

    async def attempt(
        self, message: Message, is_held: Callable[[], bool], on_interruptible: Callable[[bool], None]
    ) -> Result | None:
        """Send one message unless the breaker is open; return None if the lease was lost before anything was sent.

        `is_held` returns whether the sender still holds the lease of the message; `on_interruptible`: see
        `OutboundMessage`.
        """
        now = self._clock()
        if self.breaker.is_open(now):
            return self._not_tried(now)
        if (result := await self._check(message)) is not None:
            return result
        try:
            receipt = await self._send(message, is_held, on_interruptible)
        except LeaseLost:
            return None
        except Unavailable as error:
            return self._record_failure(error)
        except SendError as error:
            self._record_success()
            return error.result()
        self._record_success()
        return Result(Verdict.SENT, detail=receipt.detail, provider_id=receipt.provider_id)

    async def _send(
        self, message: Message, is_held: Callable[[], bool], on_interruptible: Callable[[bool], None]
    ) -> Receipt:
        try:
            return await self._channel.send(self._compose(message, is_held, on_interruptible))
        except SendError:
            raise
        except Exception as error:
            # A bug that one message meets must not stop all others; the attempts of the message are limited as usual.
            log.exception("message.attempt_failed", message_id=str(message.message_id), exc_info=error)
            raise TryLater("internal_error", "A mistake of ours kept this message from being sent.") from None

    def _compose(
        self, message: Message, is_held: Callable[[], bool], on_interruptible: Callable[[bool], None]
    ) -> OutboundMessage:
        try:
            return self._composer.compose(message, datetime.now(UTC), is_held, on_interruptible)
        except KeyError:
            raise TryLater("token_key_unknown", "The key that makes this link is not installed.") from None

    def _record_success(self) -> None:
        if not self.breaker.is_closed:
            log.info("channel.recovered", **self._labels)
        self.breaker = self.breaker.after_success()

    def _record_failure(self, error: Unavailable) -> Result:
        now = self._clock()
        breaker = self.breaker.after_failure(
            now, _chance(), error.code, error.reason, error.retry_after_seconds
        )
        if breaker is not self.breaker:
            log.warning("channel.unavailable", code=error.code, failures=breaker.failures, **self._labels)
        self.breaker = breaker
        wait_seconds = breaker.retry_at - now
        return Result(Verdict.UNAVAILABLE, error.code, error.reason, error.detail, wait_seconds)

    def _not_tried(self, now: float) -> Result:
        wait_seconds = self.breaker.retry_at - now
        return Result(
            Verdict.NOT_TRIED, self.breaker.code, self.breaker.reason, retry_after_seconds=wait_seconds
        )
