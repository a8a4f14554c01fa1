"""What is on a topic reaches the handler: from its beginning, compressed or not, whatever its headers are."""

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError
from faststream.kafka.annotations import KafkaMessage

from shared.runtime.messaging.inbox.runner import leave_undecoded, parse_leniently
from tests.integration.kafka.driver import KafkaDriver, read
from tests.support.waiting import eventually


class Seen:
    """A handler that notes what it was given."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    async def __call__(self, message: KafkaMessage) -> None:
        """Note the values."""
        self.values.extend(record.value for record in message.raw_message)


async def test_i19_a_new_group_begins_at_the_beginning(kafka: KafkaDriver) -> None:
    """Both libraries begin a new group at the end by default; what was there before would never be read."""
    topic, seen, late = await kafka.topic(), Seen(), await kafka.topic("late")
    await kafka.fill(topic, b"early")
    await kafka.fill(late, b"early")
    await kafka.subscribe(topic, seen)
    await eventually(lambda: seen.values == [b"early"])
    consumer = await kafka.consumer(late, auto_offset_reset="latest")
    [partition] = consumer.assignment()
    assert await consumer.position(partition) == 1


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_records_of_other_systems_are_read_whatever_their_compression(
    kafka: KafkaDriver, codec: str | None
) -> None:
    """Three codecs need a package beside aiokafka; without it a subscriber stands still without a word."""
    topic, seen = await kafka.topic(), Seen()
    producer = await kafka.producer(compression_type=codec)
    await producer.send_and_wait(topic, b"squeezed " * 50)
    await kafka.subscribe(topic, seen)
    await eventually(lambda: seen.values == [b"squeezed " * 50])


async def test_i13_our_parser_keeps_a_batch_that_the_librarys_own_would_lose(kafka: KafkaDriver) -> None:
    """FastStream decodes headers as UTF-8 before any handler: one bad header loses the batch, and nothing is logged."""
    topic, ours, theirs = await kafka.topic(), Seen(), Seen()
    producer = await kafka.our_producer()
    await producer.send_and_wait(topic, b"good")
    await producer.send_and_wait(topic, b"odd", headers=[("source", b"\xff\xfe")])
    await producer.send_and_wait(topic, None, key=b"tombstone")
    subscriber = await kafka.subscribe(topic, theirs)

    async def passed() -> bool:
        [partition] = subscriber.consumer.assignment()
        return bool(await subscriber.consumer.position(partition) == 3)

    await eventually(passed)
    await subscriber.stop()
    assert b"odd" not in theirs.values
    await kafka.subscribe(topic, ours, parser=parse_leniently, decoder=leave_undecoded)
    await eventually(lambda: ours.values == [b"good", b"odd", None])


async def test_a_batch_is_never_larger_than_we_asked_for(kafka: KafkaDriver) -> None:
    """aiokafka: `max_records` bounds a fetch over all partitions; without it a batch is whatever was buffered."""
    topic = await kafka.topic(partitions=3)
    producer = await kafka.our_producer()
    for number in range(30):
        await producer.send_and_wait(topic, b"%d" % number, partition=number % 3)
    sizes: list[int] = []
    values: set[bytes] = set()

    async def measure(message: KafkaMessage) -> None:
        sizes.append(len(message.raw_message))
        values.update(record.value for record in message.raw_message)

    await kafka.subscribe(topic, measure, max_records=7)
    await eventually(lambda: len(values) == 30)
    assert max(sizes) <= 7


async def test_no_client_of_ours_makes_topics_of_its_own(kafka: KafkaDriver) -> None:
    """A mistyped topic name is an error and not an empty topic: neither the broker nor FastStream creates it."""
    producer = await kafka.producer(request_timeout_ms=3_000)
    with pytest.raises(UnknownTopicOrPartitionError):
        await producer.partitions_for(kafka.name("mistyped"))
    topic = await kafka.topic()
    await kafka.fill(topic, b"1")
    consumer = await kafka.consumer(topic)
    await read(consumer, 1)
    assert kafka.name("mistyped") not in await consumer.topics()
