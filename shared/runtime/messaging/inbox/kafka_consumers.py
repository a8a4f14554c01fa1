"""Consumers that wait for records, and FastStream's broker with them.

FastStream's batch loop polls for `batch_timeout_ms` and, where no record came, sleeps for as long again: a record that
arrives during the sleep waits for its end. `BlockingConsumer` returns from a poll only with records, so that there is
neither the sleep nor an idle loop. It is the one override of the library (decision 39).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream.kafka import KafkaBroker

from shared.runtime.messaging.broker.client import Kafka

# One poll of the library; the errors of a group are raised at the start of a poll.
POLL_MS = 1_000
# Between two attempts at a broker that does not answer, each of which is logged.
RETRY_BACKOFF_MS = 500

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


_consumer_classes: dict[str, Callable[..., AIOKafkaConsumer]] = {}


def use_consumer_class(profile: str, consumer_class: Callable[..., AIOKafkaConsumer]) -> None:
    """Use another consumer class for a broker profile in this process.

    Its `getmany` has to return only with records, too. Call it before any consumer is created.
    """
    _consumer_classes[profile] = consumer_class


def create_reader(kafka: Kafka) -> AIOKafkaConsumer:
    """Create a consumer without a group, to which partitions are assigned; its `getmany` waits for records."""
    return _find_consumer_class(kafka)(bootstrap_servers=kafka.bootstrap, **kafka.reader_options())


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
        config.builder = partial(_find_consumer_class(self._kafka), **options)
        return config.builder


def _find_consumer_class(kafka: Kafka) -> Callable[..., AIOKafkaConsumer]:
    return _consumer_classes.get(kafka.profile, BlockingConsumer)
