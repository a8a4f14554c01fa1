"""What the client leaves with the broker while a batch is at work is in the next batch; one by one is never delayed."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.runtime.messaging.inbox import kafka_consumers
from shared.runtime.messaging.inbox.kafka_consumers import BULK_RECORDS, BatchingConsumer, create_reader
from tests.integration.kafka.bench import GROUP, Bench

_FIRST, _LATER = 40, 60


async def _consumer(kafka: Bench, topic: str, kind: type[Any]) -> Any:
    options = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = kind(topic, bootstrap_servers=kafka.broker.bootstrap, group_id=kafka.name(GROUP), **options)
    kafka.stack.push_async_callback(consumer.stop)
    await consumer.start()
    return consumer


async def _put(kafka: Bench, topic: str, count: int) -> None:
    producer = await kafka.our_producer()
    for number in range(count):
        await producer.send_and_wait(topic, b"%d" % number)


def _count(found: dict[TopicPartition, list[Any]]) -> int:
    return sum(map(len, found.values()))


async def test_a_batch_that_follows_on_many_records_is_filled_up(
    kafka: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka answers a fetch with the first record there is; the rest would be a batch of its own."""
    monkeypatch.setattr(fetching, "FILL_UP_MS", 120_000)  # however slow the machine is
    topic = await kafka.topic()
    await _put(kafka, topic, _FIRST)
    consumer = await _consumer(kafka, topic, BatchingConsumer)
    batches = [await consumer.getmany(max_records=_FIRST)]
    await _put(kafka, topic, _LATER)
    batches.append(await consumer.getmany(max_records=_LATER))
    assert [_count(one) for one in batches] == [_FIRST, _LATER]
    values = [record.value for one in batches for records in one.values() for record in records]
    assert values == [b"%d" % n for count in (_FIRST, _LATER) for n in range(count)]


async def test_a_batch_is_filled_up_to_its_size_and_no_further(kafka: Bench) -> None:
    topic = await kafka.topic(partitions=2)
    await _put(kafka, topic, _FIRST + _LATER)
    consumer = await _consumer(kafka, topic, BatchingConsumer)
    sizes: list[int] = []
    while sum(sizes) < _FIRST + _LATER:
        sizes.append(_count(await consumer.getmany(max_records=BULK_RECORDS)))
    assert max(sizes) == BULK_RECORDS
    assert sum(sizes) == _FIRST + _LATER


async def test_one_record_after_another_is_never_kept_waiting(
    kafka: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock says: a wait for more would be one of an hour here."""
    monkeypatch.setattr(fetching, "GATHER_SECONDS", 3_600.0)
    topic = await kafka.topic()
    consumer = await _consumer(kafka, topic, BatchingConsumer)
    for _ in range(5):
        await _put(kafka, topic, 1)
        async with asyncio.timeout(120):
            assert _count(await consumer.getmany(max_records=500)) == 1


async def test_a_reader_without_a_group_hands_out_at_once_what_it_has_taken(
    kafka: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cancelled when its time is over, and nothing would read again what it had in hand."""
    monkeypatch.setattr(fetching, "GATHER_SECONDS", 3_600.0)
    monkeypatch.setattr(fetching, "FILL_UP_MS", 3_600_000)
    topic = await kafka.topic()
    await _put(kafka, topic, 2 * BULK_RECORDS)
    reader = create_reader(kafka.ours)
    kafka.stack.push_async_callback(reader.stop)
    await reader.start()
    reader.assign([TopicPartition(topic, 0)])
    seen = 0
    async with asyncio.timeout(120):
        while seen < 2 * BULK_RECORDS:
            seen += _count(await reader.getmany())
    assert seen == 2 * BULK_RECORDS
