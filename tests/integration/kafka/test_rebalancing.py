"""Two members may hold the same record for a while; the offsets of the one who lost it change nothing."""

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError

from tests.integration.kafka.driver import Held, KafkaDriver, read
from tests.support.waiting import eventually


async def _assigned(*members: AIOKafkaConsumer) -> list[int]:
    """How many partitions each has, once no partition is left over."""

    async def all_taken() -> bool:
        for member in members:
            await member.getmany(timeout_ms=0)
        return sum(len(member.assignment()) for member in members) == 6

    await eventually(all_taken)
    return sorted(len(member.assignment()) for member in members)


async def test_our_assignor_spreads_partitions_evenly(kafka: KafkaDriver) -> None:
    """Round robin, which every member of a group must name alike."""
    topic = await kafka.topic(partitions=6)
    options = {"partition_assignment_strategy": (RoundRobinPartitionAssignor,)}
    members = [await kafka.consumer(topic, **options) for _ in range(3)]

    async def balanced() -> bool:
        return await _assigned(*members) == [2, 2, 2]

    await eventually(balanced)


async def test_i16_a_second_member_gets_the_record_that_the_first_still_holds(kafka: KafkaDriver) -> None:
    """Partitions are given away in the background while a handler runs; only the inbox keeps effects single."""
    topic, slow, next_owner = await kafka.topic(), Held(), Held()
    await kafka.fill(topic, b"1")
    first = await kafka.subscribe(topic, slow, rebalance_timeout_ms=1_000, heartbeat_interval_ms=100)
    await eventually(lambda: slow.batches == [[b"1"]])
    second = await kafka.subscribe(topic, next_owner, rebalance_timeout_ms=1_000, heartbeat_interval_ms=100)

    async def handed_over() -> bool:
        one, other = first.consumer.assignment(), second.consumer.assignment()
        return len(one) + len(other) == 1

    await eventually(handed_over)
    if second.consumer.assignment():
        await eventually(lambda: next_owner.batches == [[b"1"]])
    else:
        slow.go.set()
    assert await kafka.committed(topic) is None


async def test_i16_a_member_that_lost_its_partition_cannot_commit_it(kafka: KafkaDriver) -> None:
    """The commit raises, at once, for a partition that moved on; the broker keeps the new owner's offset."""
    topic = await kafka.topic()
    await kafka.fill(topic, b"1", b"2", b"3")
    partition = TopicPartition(topic, 0)
    stale = await kafka.consumer(topic, session_timeout_ms=1_000, heartbeat_interval_ms=100)
    await read(stale, 3)
    coordinator = stale._coordinator
    coordinator._heartbeat_task.cancel()  # as a process that was stopped: it sends no more heartbeats

    owner = await kafka.consumer(topic)
    await read(owner, 3)
    await owner.commit({partition: 3})
    with pytest.raises((CommitFailedError, IllegalStateError)):
        await stale.commit({partition: 1})
    assert await kafka.committed(topic) == 3


async def test_leaving_reassigns_at_once_and_not_after_the_session_has_ended(kafka: KafkaDriver) -> None:
    """A consumer's `stop` leaves the group: a rolling restart does not wait for the session's time limit."""
    topic = await kafka.topic()
    await kafka.fill(topic, b"1")
    first = await kafka.consumer(topic, session_timeout_ms=60_000)
    await read(first, 1)
    await first.stop()
    second = await kafka.consumer(topic, session_timeout_ms=60_000)
    assert [record.value for record in await read(second, 1)] == [b"1"]
