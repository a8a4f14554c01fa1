"""Monitor of the broker: logs when it is gone, at intervals while it stays away, and when it is back.

The library's clients reconnect by themselves and report it to the log alone. Their warnings therefore trigger a probe,
which is a connection and a request of its own; without warnings nothing is done.
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
_PROBE_TIMEOUT_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_FLUSH_SECONDS = 60.0
_LIBRARY = "aiokafka"
log = get_logger("broker")


class BrokerMonitor:
    """Monitor of one service of a process. `run()` until cancelled."""

    def __init__(self, kafka: Kafka, *, remind_seconds: float = REMIND_SECONDS) -> None:
        self._kafka = kafka
        self._remind_seconds = remind_seconds
        self.gone = False

    async def run(self) -> None:
        """Probe the broker whenever the library logs a warning. Raises nothing by itself."""
        warnings = _WarningHandler(asyncio.get_running_loop())
        logging.getLogger(_LIBRARY).addHandler(warnings)
        try:
            while True:
                if await warnings.wait(_FLUSH_SECONDS) and not await self._answers():
                    await self._wait_for_broker()
                flush_suppressed()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            logging.getLogger(_LIBRARY).removeHandler(warnings)

    async def _wait_for_broker(self) -> None:
        lost_at = reminded_at = time.monotonic()
        backoff = Backoff(first=0.5)
        self.gone = True
        log.warning("broker.gone")
        while not await self._answers():
            now = time.monotonic()
            if now - reminded_at >= self._remind_seconds:
                reminded_at = now
                log.warning("broker.still_gone", seconds=round(now - lost_at))
            await backoff.wait()
        self.gone = False
        log.warning("broker.back", seconds=round(time.monotonic() - lost_at))

    async def _answers(self) -> bool:
        """Return whether one of the addresses accepts a connection and answers a request within five seconds."""
        client = AIOKafkaClient(
            bootstrap_servers=self._kafka.bootstrap, request_timeout_ms=int(1000 * _PROBE_TIMEOUT_SECONDS)
        )
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
                await client.bootstrap()
        except (KafkaError, OSError):
            return False
        else:
            return True
        finally:
            await client.close()


class _WarningHandler(logging.Handler):
    """Log handler that notices warnings of the library, in whatever thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._warned = asyncio.Event()
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - that there is one is enough
        self._loop.call_soon_threadsafe(self._warned.set)

    async def wait(self, seconds: float) -> bool:
        """Wait up to so many seconds for a warning; return whether there was one since the last call."""
        try:
            async with asyncio.timeout(seconds):
                await self._warned.wait()
        except TimeoutError:
            return False
        self._warned.clear()
        return True
