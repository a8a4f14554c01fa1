"""Driver of the tests on Apache Kafka: a topic, producers, consumers, a subscriber with the product's own options."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from shared.runtime.messaging import Kafka
from tests.support.brokers.base import Broker
from tests.support.brokers.topics import kafka_of
from tests.support.waiting import eventually

GROUP = "readers"
_GRACE_SECONDS = 0.3
Batches = list[list[bytes | None]]


@dataclass(slots=True)
class KafkaDriver:
    """One test's part of the broker."""

    broker: Broker
    stack: AsyncExitStack

    @property
    def ours(self) -> Kafka:
        """The product's own client options."""
        return kafka_of(self.broker)

    def name(self, word: str) -> str:
        """Return the name of a topic or group that no other test has."""
        return self.ours.name(word)

    async def topic(self, word: str = "facts", *, partitions: int = 1, **configs: str) -> str:
        """Create a topic and return its name."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(self.name(word), partitions, 1, topic_configs=configs)])
        finally:
            await admin.close()
        return self.name(word)

    async def producer(self, **options: Any) -> AIOKafkaProducer:
        """Start the library's producer with these options."""
        return await self._started(AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap, **options))

    async def our_producer(self) -> AIOKafkaProducer:
        """Start the product's producer."""
        return await self._started(self.ours.producer())

    async def consumer(self, topic: str, **options: Any) -> AIOKafkaConsumer:
        """Start the library's consumer; by default in the group, from the beginning, committing nothing."""
        defaults = {
            "group_id": self.name(GROUP),
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 200,
            "retry_backoff_ms": 20,
        }
        options = {**defaults, **options}
        return await self._started(
            AIOKafkaConsumer(topic, bootstrap_servers=self.broker.bootstrap, **options)
        )

    async def fill(self, topic: str, *values: bytes | None, partition: int | None = None) -> None:
        """Write records, in this order."""
        producer = await self.our_producer()
        for value in values:
            await producer.send_and_wait(topic, value, partition=partition)

    async def committed(self, topic: str, partition: int = 0) -> int | None:
        """Return the group's offset as the broker stores it."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self.name(GROUP))
        finally:
            await admin.close()
        found = offsets.get(TopicPartition(topic, partition))
        return None if found is None or found.offset < 0 else int(found.offset)

    async def subscribe(
        self, topic: str, handle: Callable[[KafkaMessage], Awaitable[None]], **options: Any
    ) -> Any:
        """Start a FastStream batch subscriber, by default with the options of the product."""
        framework = KafkaBroker(
            self.broker.bootstrap,
            logger=None,
            allow_auto_create_topics=False,
            graceful_timeout=_GRACE_SECONDS,
        )
        given = {"ack_policy": AckPolicy.MANUAL, **self.ours.consumer_options(), **options}
        subscriber = framework.subscriber(topic, group_id=self.name(GROUP), batch=True, **given)

        async def consume(message: KafkaMessage) -> None:
            await handle(message)

        subscriber(consume)
        await framework.start()
        self.stack.push_async_callback(framework.stop)
        return subscriber

    async def _started(self, client: Any) -> Any:
        self.stack.push_async_callback(client.stop)
        await client.start()
        return client


async def read(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    """Read that many records and return them in the order in which they came."""
    records: list[ConsumerRecord[bytes, bytes]] = []

    async def enough() -> bool:
        for batch in (await consumer.getmany(timeout_ms=100)).values():
            records.extend(batch)
        return len(records) >= count

    await eventually(enough)
    return records


class Held:
    """A handler that holds its batch until `go` is set, as one that waits for a database would."""

    def __init__(self) -> None:
        self.batches: Batches = []
        self.go = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, message: KafkaMessage) -> None:
        """Note the batch, then wait."""
        self.batches.append([record.value for record in message.raw_message])
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
