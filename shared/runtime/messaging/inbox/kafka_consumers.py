"""Consumers that wait for records, and FastStream's broker with them.

FastStream's batch loop polls for `batch_timeout_ms` and, where no record came, sleeps for as long again: a record that
arrives during the sleep waits for its end. `BlockingConsumer` returns from a poll only with records, so that
there is neither the sleep nor an idle loop.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream.kafka import KafkaBroker

from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.outbox.wakeups import waiting_for

# One poll of the library; the errors of a group are raised at the start of a poll.
POLL_MS = 1_000
EMBEDDED_POLL_MS = 8
# Between two attempts at a broker that does not answer, each of which is logged.
RETRY_BACKOFF_MS = 500
FIRST_REST_SECONDS = 0.005
LONGEST_REST_SECONDS = 2.0

Records = dict[TopicPartition, list[Any]]


class BlockingConsumer(AIOKafkaConsumer):  # type: ignore[misc] # the library has no types
    """Consumer whose `getmany` returns only with records; it ignores `timeout_ms`.

    It returns records as soon as it has taken them, so that none is lost when it is cancelled.
    """

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,  # noqa: ARG002 - FastStream passes it
        max_records: int | None = None,
    ) -> Records:
        """Return at least one record. Raises KafkaError, and ConsumerStoppedError once `stop` was called."""
        while True:
            records: Records = await super().getmany(*partitions, timeout_ms=POLL_MS, max_records=max_records)
            if records:
                return records


class BackoffConsumer(AIOKafkaConsumer):  # type: ignore[misc] # as above
    """Consumer for the embedded broker, whose empty fetch blocks until its timeout: it polls with growing pauses.

    A relay in the same process wakes it early; the pauses end by themselves only to cover wake-ups that were missed.
    """

    def __init__(self, *topics: str, publisher_bootstrap: str, **options: Any) -> None:
        super().__init__(*topics, **options)
        self._publisher_bootstrap = publisher_bootstrap

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,  # noqa: ARG002 - FastStream passes it
        max_records: int | None = None,
    ) -> Records:
        """Return at least one record. Raises KafkaError, and ConsumerStoppedError once `stop` was called."""
        rest_seconds = FIRST_REST_SECONDS
        with waiting_for(self._publisher_bootstrap, self.subscription()) as published:
            while True:
                records: Records = await super().getmany(
                    *partitions, timeout_ms=EMBEDDED_POLL_MS, max_records=max_records
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


def create_reader(kafka: Kafka) -> AIOKafkaConsumer:
    """Create a consumer without a group, to which partitions are assigned; its `getmany` waits for records."""
    options = {"bootstrap_servers": kafka.bootstrap, **kafka.reader_options()}
    if kafka.embedded:
        return BackoffConsumer(publisher_bootstrap=kafka.bootstrap, **options)
    return BlockingConsumer(**options)


class ConsumerBroker(KafkaBroker):
    """FastStream's broker with consumers that wait for records, and without a producer: only the relay publishes."""

    def __init__(self, kafka: Kafka) -> None:
        super().__init__(
            kafka.bootstrap,
            logger=None,
            allow_auto_create_topics=False,
            consumer_only=True,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        self._kafka = kafka

    async def _connect(self) -> Any:
        await super()._connect()
        config = self.config.broker_config
        options = config.builder.keywords  # type: ignore[attr-defined] # the library's is a partial of its own class
        if self._kafka.embedded:
            config.builder = partial(BackoffConsumer, publisher_bootstrap=self._kafka.bootstrap, **options)
        else:
            config.builder = partial(BlockingConsumer, **options)
        return config.builder
