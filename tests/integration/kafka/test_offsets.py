"""Where a group goes on when its offset is of no use, or when it was away too long."""

from functools import partial

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.integration.kafka.driver import Held, KafkaDriver, read
from tests.integration.kafka.test_fetching import Seen
from tests.support.waiting import eventually


async def _forget(kafka: KafkaDriver, topic: str, before: int) -> None:
    """Delete the oldest records, as the broker does when their retention ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def test_i19_a_group_whose_offset_is_forgotten_goes_on_with_the_oldest_that_is_left(
    kafka: KafkaDriver,
) -> None:
    """aiokafka: an offset out of range is reset as `auto_offset_reset` says; its default leaves out what is left."""
    topic, seen = await kafka.topic(), Seen()
    await kafka.fill(topic, b"1", b"2", b"3", b"4", b"5")
    first = await kafka.consumer(topic)
    await read(first, 5)
    await first.commit({TopicPartition(topic, 0): 1})
    await first.stop()
    await _forget(kafka, topic, 3)

    theirs = await kafka.consumer(topic, auto_offset_reset="latest")

    async def begins_at_the_end() -> bool:
        position: int = await theirs.position(TopicPartition(topic, 0))
        return position == 5

    await eventually(begins_at_the_end)
    await kafka.fill(topic, b"6")
    [after_the_gap] = await read(theirs, 1)
    assert after_the_gap.value == b"6"
    await theirs.stop()

    await kafka.subscribe(topic, seen)
    await eventually(lambda: seen.values == [b"4", b"5", b"6"])


async def test_i19_a_group_without_any_offset_begins_at_the_beginning_after_it_was_there_before(
    kafka: KafkaDriver,
) -> None:
    """Kafka: offsets are kept apart from records, so a group that never committed is like a new one."""
    topic = await kafka.topic()
    await kafka.fill(topic, b"1", b"2")
    first = await kafka.consumer(topic)
    await read(first, 2)
    await first.stop()
    assert [record.value for record in await read(await kafka.consumer(topic), 2)] == [b"1", b"2"]


def _held(held: Held, *batches: bytes) -> bool:
    return held.batches == [[value] for value in batches]


async def test_i15_who_works_longer_than_the_poll_interval_is_out_and_comes_back_by_itself(
    kafka: KafkaDriver,
) -> None:
    """The client (aiokafka) ends the membership of who does not poll; the next poll joins again, and reads again.

    So a handler that waits out a database that is gone for longer loses its place, and nothing else.
    """
    topic, slow, other = await kafka.topic(), Held(), Held()
    options = {
        "max_poll_interval_ms": 1_000,
        "session_timeout_ms": 1_000,
        "heartbeat_interval_ms": 100,
        "rebalance_timeout_ms": 1_000,
    }
    await kafka.fill(topic, b"1")
    await kafka.subscribe(topic, slow, **options)
    await eventually(partial(_held, slow, b"1"))
    successor = await kafka.subscribe(topic, other, **options)
    await eventually(partial(_held, other, b"1"), within_seconds=60)
    await successor.stop()
    slow.go.set()
    await eventually(partial(_held, slow, b"1", b"1"), within_seconds=60)
    assert await kafka.committed(topic) is None
