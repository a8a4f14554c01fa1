"""Consumer for the embedded broker, whose empty fetch blocks until its timeout, whatever arrives in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime.messaging.outbox.wakeups import waiting_for

FETCH_WAIT_MS = 5
POLL_MS = 8
FIRST_REST_SECONDS = 0.005
LONGEST_REST_SECONDS = 2.0

Records = dict[TopicPartition, list[Any]]


class BackoffConsumer(AIOKafkaConsumer):  # type: ignore[misc] # the library has no types
    """Consumer that polls with growing pauses, so that an idle installation costs hardly any CPU.

    A relay in the same process wakes it early; the pauses end by themselves only to cover wake-ups that were missed.
    """

    def __init__(self, *topics: str, bootstrap_servers: str | Sequence[str], **options: Any) -> None:
        super().__init__(
            *topics, bootstrap_servers=bootstrap_servers, **{**options, "fetch_max_wait_ms": FETCH_WAIT_MS}
        )
        servers = [bootstrap_servers] if isinstance(bootstrap_servers, str) else bootstrap_servers
        self._bootstrap = ",".join(servers)

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,  # noqa: ARG002 - FastStream passes it
        max_records: int | None = None,
    ) -> Records:
        """Return at least one record. Raises KafkaError, and ConsumerStoppedError once `stop` was called."""
        rest_seconds = FIRST_REST_SECONDS
        with waiting_for(self._bootstrap, self.subscription()) as published:
            while True:
                records: Records = await super().getmany(
                    *partitions, timeout_ms=POLL_MS, max_records=max_records
                )
                if records:
                    return records
                woken = await self._rest(published, rest_seconds)
                rest_seconds = FIRST_REST_SECONDS if woken else min(2 * rest_seconds, LONGEST_REST_SECONDS)

    async def _rest(self, published: asyncio.Event, seconds: float) -> bool:
        """Pause fetching for so long, or until something is published; return whether it was published."""
        self.pause(*self.assignment())
        try:
            async with asyncio.timeout(seconds):
                await published.wait()
        except TimeoutError:
            return False
        else:
            published.clear()
            return True
        finally:
            self.resume(*self.paused())
