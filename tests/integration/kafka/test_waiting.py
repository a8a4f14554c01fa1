"""A consumer waits for records without an idle loop, and returns what it has taken at once."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition

from shared.runtime.messaging.inbox.kafka_consumers import BlockingConsumer, create_reader
from tests.integration.kafka.driver import GROUP, KafkaDriver

_RECORDS = 40


async def _consumer(kafka: KafkaDriver, topic: str, **options: Any) -> BlockingConsumer:
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = BlockingConsumer(
        topic, bootstrap_servers=kafka.broker.bootstrap, group_id=kafka.name(GROUP), **{**defaults, **options}
    )
    kafka.stack.push_async_callback(consumer.stop)
    await consumer.start()
    return consumer


async def _put(kafka: KafkaDriver, topic: str, count: int) -> None:
    producer = await kafka.our_producer()
    for number in range(count):
        await producer.send_and_wait(topic, b"%d" % number)


def _count(records: dict[TopicPartition, list[Any]]) -> int:
    return sum(map(len, records.values()))


async def test_single_records_are_returned_as_they_come(kafka: KafkaDriver) -> None:
    topic = await kafka.topic()
    consumer = await _consumer(kafka, topic)
    for _ in range(5):
        waiting = asyncio.create_task(consumer.getmany(timeout_ms=1, max_records=500))
        await _put(kafka, topic, 1)
        async with asyncio.timeout(120):
            assert _count(await waiting) == 1


async def test_a_reader_without_a_group_returns_at_once_what_it_has_taken(kafka: KafkaDriver) -> None:
    """It is cancelled when its time is over, and nothing would read again what it had taken and not returned."""
    topic = await kafka.topic()
    await _put(kafka, topic, _RECORDS)
    reader = create_reader(kafka.ours)
    kafka.stack.push_async_callback(reader.stop)
    await reader.start()
    reader.assign([TopicPartition(topic, 0)])
    read = 0
    async with asyncio.timeout(120):
        while read < _RECORDS:
            read += _count(await reader.getmany())
    assert read == _RECORDS
