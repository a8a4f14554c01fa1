"""One attempt: the letter, the channel, and what its answer says about the message and about the channel."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from services.notifier.channels.base import (
    Channel,
    NotOurs,
    OutcomeUnknown,
    Receipt,
    Refused,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.domain.retry import Breaker
from services.notifier.service.claiming import Links, Queue
from shared.runtime.observability import get_logger

_VERDICTS = {Refused: Verdict.REFUSED, TryLater: Verdict.TRY_LATER, OutcomeUnknown: Verdict.UNKNOWN}
_chance = random.SystemRandom().random
log = get_logger("sender")


class Attempts:
    """Sends single messages over one channel, and rests while the channel as a whole does not work."""

    def __init__(
        self, channel: Channel, queue: Queue, links: Links, ask: Callable[[Message], Awaitable[Result | None]]
    ) -> None:
        """`ask` is asked before every attempt whether it is needed, and how else it ends."""
        self.breaker = Breaker()
        self._ask = ask
        self._channel = channel
        self._links = links
        self._name = {"channel": queue.channel, "lane": queue.lane.value}

    async def attempt(self, message: Message, ours: Callable[[], bool]) -> Result | None:
        """Send one message, unless the channel rests; None: it was not `ours` any more when its turn came."""
        now = asyncio.get_running_loop().time()
        if self.breaker.resting(now):
            return self._not_tried(now)
        if (known := await self._ask(message)) is not None:
            return known
        try:
            receipt = await self._send(message, ours)
        except NotOurs:
            return None
        except Unavailable as error:
            return self._unavailable(error)
        except SendError as error:
            self._works()
            return _result(_VERDICTS[type(error)], error, error.retry_after_seconds)
        self._works()
        return Result(Verdict.SENT, detail=receipt.detail, provider_id=receipt.provider_id)

    async def _send(self, message: Message, ours: Callable[[], bool]) -> Receipt:
        try:
            letter = self._links.letter(message, datetime.now(UTC), ours)
        except KeyError:
            raise TryLater("token_key_unknown", "The key that makes this link is not installed.") from None
        try:
            return await self._channel.send(letter)
        except SendError:
            raise
        except Exception as error:
            # One message that we cannot write must not stop all others; its attempts are limited like any other's.
            log.exception("message.attempt_failed", message_id=str(message.message_id), exc_info=error)
            raise TryLater("internal_error", "A mistake of ours kept this message from being sent.") from None

    def _works(self) -> None:
        if not self.breaker.closed:
            log.info("channel.works_again", **self._name)
        self.breaker = self.breaker.worked()

    def _unavailable(self, error: Unavailable) -> Result:
        now = asyncio.get_running_loop().time()
        tripped = self.breaker.tripped(now, _chance(), error.code, error.reason, error.retry_after_seconds)
        if tripped is not self.breaker:
            log.warning("channel.unavailable", code=error.code, failures=tripped.failures, **self._name)
        self.breaker = tripped
        return _result(Verdict.UNAVAILABLE, error, tripped.retry_at - now)

    def _not_tried(self, now: float) -> Result:
        rest = self.breaker.retry_at - now
        return Result(Verdict.NOT_TRIED, self.breaker.code, self.breaker.reason, retry_after_seconds=rest)


def _result(verdict: Verdict, error: SendError, retry_after_seconds: float | None) -> Result:
    return Result(verdict, error.code, error.reason, error.detail, retry_after_seconds)
