"""Says that the broker is gone, that it still is, and that it is back: a line each.

The library's clients go on by themselves and tell nobody but the log, so its warnings are what makes us look. Looking
is a connection and a question of its own, and nothing is done while there are no warnings.
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.runtime.core.backoff import Backoff
from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.observability.log_throttle import flush_suppressed
from shared.runtime.observability.logging import get_logger

REMIND_SECONDS = 300.0
_ANSWER_SECONDS = 5.0
_REST_SECONDS = 1.0
_TELL_SECONDS = 60.0
_LIBRARY = "aiokafka"
log = get_logger("broker")


class BrokerMonitor:
    """One for each service of a process. `run()` until cancelled."""

    def __init__(self, kafka: Kafka, *, remind_seconds: float = REMIND_SECONDS) -> None:
        self._kafka = kafka
        self._remind_seconds = remind_seconds
        self.gone = False

    async def run(self) -> None:
        """Look whenever the library complains; never raises by itself."""
        ear = _Ear(asyncio.get_running_loop())
        logging.getLogger(_LIBRARY).addHandler(ear)
        try:
            while True:
                if await ear.heard(_TELL_SECONDS) and not await self._answers():
                    await self._wait_for_it()
                flush_suppressed()
                await asyncio.sleep(_REST_SECONDS)
        finally:
            logging.getLogger(_LIBRARY).removeHandler(ear)

    async def _wait_for_it(self) -> None:
        began = reminded = time.monotonic()
        backoff = Backoff(first=0.5)
        self.gone = True
        log.warning("broker.gone")
        while not await self._answers():
            now = time.monotonic()
            if now - reminded >= self._remind_seconds:
                reminded = now
                log.warning("broker.still_gone", seconds=round(now - began))
            await backoff.wait()
        self.gone = False
        log.warning("broker.back", seconds=round(time.monotonic() - began))

    async def _answers(self) -> bool:
        """Whether any of the broker's addresses takes a connection and answers a question within five seconds."""
        client = AIOKafkaClient(
            bootstrap_servers=self._kafka.bootstrap, request_timeout_ms=int(1000 * _ANSWER_SECONDS)
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await client.bootstrap()
        except (KafkaError, OSError):
            return False
        else:
            return True
        finally:
            await client.close()


class _Ear(logging.Handler):
    """Hears the library complain, in whatever thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._complaint = asyncio.Event()
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - that there is one is enough
        self._loop.call_soon_threadsafe(self._complaint.set)

    async def heard(self, seconds: float) -> bool:
        """Wait so long for a complaint; whether there is one since the last that was heard."""
        try:
            async with asyncio.timeout(seconds):
                await self._complaint.wait()
        except TimeoutError:
            return False
        self._complaint.clear()
        return True
