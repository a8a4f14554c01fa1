"""Offsets move when we say so and to where we say, whatever the libraries do by themselves."""

from functools import partial

from aiokafka import TopicPartition
from faststream import AckPolicy
from faststream.kafka.annotations import KafkaMessage

from tests.integration.kafka.driver import Held, KafkaDriver, read
from tests.support.waiting import eventually


def _ends_with(seen: list[bytes], value: bytes) -> bool:
    return seen[-1:] == [value]


async def test_manual_commits_nothing_by_itself_not_even_when_it_stops(kafka: KafkaDriver) -> None:
    """FastStream with AckPolicy.MANUAL: a batch in hand, cancelled at the end of the grace, stays uncommitted."""
    topic, held = await kafka.topic(), Held()
    await kafka.fill(topic, b"1", b"2")
    subscriber = await kafka.subscribe(topic, held, auto_commit_interval_ms=50)
    await eventually(lambda: len(held.batches) == 1)
    await subscriber.stop()
    await eventually(lambda: held.cancelled == 1)
    assert await kafka.committed(topic) is None


async def test_the_default_would_commit_the_batch_in_hand(kafka: KafkaDriver) -> None:
    """FastStream's default, ACK_FIRST, is the client's automatic commit: it says done before the handler is."""
    topic, held = await kafka.topic(), Held()
    await kafka.fill(topic, b"1", b"2")
    await kafka.subscribe(topic, held, ack_policy=AckPolicy.ACK_FIRST, auto_commit_interval_ms=50)
    await eventually(lambda: len(held.batches) == 1)

    async def lost() -> bool:
        return await kafka.committed(topic) == 2

    await eventually(lost)
    assert held.batches == [[b"1", b"2"]]


async def test_another_policy_would_commit_what_failed(kafka: KafkaDriver) -> None:
    """FastStream: ACK commits a batch whose handler raised."""
    topic = await kafka.topic()
    await kafka.fill(topic, b"1")

    async def fail(message: KafkaMessage) -> None:
        raise RuntimeError

    await kafka.subscribe(topic, fail, ack_policy=AckPolicy.ACK)

    async def lost() -> bool:
        return await kafka.committed(topic) == 1

    await eventually(lost)


async def test_a_handler_that_raises_commits_nothing_with_manual_and_is_not_asked_again(
    kafka: KafkaDriver,
) -> None:
    """FastStream with MANUAL goes on to the next batch after an error, so an error must end the process."""
    topic = await kafka.topic()
    seen: list[bytes] = []

    async def fail(message: KafkaMessage) -> None:
        seen.extend(record.value for record in message.raw_message)
        raise RuntimeError

    await kafka.subscribe(topic, fail)
    for value in (b"1", b"2"):
        await kafka.fill(topic, value)
        await eventually(partial(_ends_with, seen, value))
    assert seen == [b"1", b"2"]
    assert await kafka.committed(topic) is None


async def test_a_commit_without_offsets_takes_all_that_was_fetched(kafka: KafkaDriver) -> None:
    """aiokafka: positions move when records are handed out, so `commit()` means the batch in hand as well."""
    topic = await kafka.topic()
    await kafka.fill(topic, b"1", b"2", b"3")
    consumer = await kafka.consumer(topic)
    await read(consumer, 3)
    await consumer.commit({TopicPartition(topic, 0): 1})
    assert await kafka.committed(topic) == 1
    await consumer.commit()
    assert await kafka.committed(topic) == 3


async def test_what_was_not_committed_is_read_again_in_the_same_order(kafka: KafkaDriver) -> None:
    """Kafka: a group's next member begins at the committed offset, not where the last one had read to."""
    topic = await kafka.topic()
    await kafka.fill(topic, b"1", b"2", b"3", b"4")
    first = await kafka.consumer(topic)
    await read(first, 4)
    await first.commit({TopicPartition(topic, 0): 2})
    await first.stop()
    again = await read(await kafka.consumer(topic), 2)
    assert [record.value for record in again] == [b"3", b"4"]


async def test_batches_of_one_subscriber_come_one_after_the_other(kafka: KafkaDriver) -> None:
    """FastStream with one worker: no second batch is handed out while the first is in hand."""
    topic, held = await kafka.topic(), Held()
    await kafka.fill(topic, b"1", b"2", b"3")
    subscriber = await kafka.subscribe(topic, held, max_records=1)
    await eventually(lambda: len(held.batches) == 1)
    assert subscriber.consumer.highwater(TopicPartition(topic, 0)) == 3
    assert await subscriber.consumer.position(TopicPartition(topic, 0)) == 1
    assert held.batches == [[b"1"]]
    held.go.set()
    await eventually(lambda: held.batches == [[b"1"], [b"2"], [b"3"]])
