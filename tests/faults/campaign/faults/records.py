"""Faults on the topics: duplicate records, old versions after newer ones, and poison."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.message import message_for
from shared.contracts.topics import consumer_groups, topics_of
from tests.faults.campaign.faults import poison
from tests.faults.campaign.faults.outside import undo_nothing
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.topics import Record, dump, plain_producer
from tests.faults.campaign.world import Undo, World

STALE_PREFIX = "again-"
_MOST_DUPLICATES = 300
_MOST_STALE = 40
_SECONDS = 30
_UNANSWERED = (KafkaError, OSError, TimeoutError)


def duplicate_records(world: World, fault: Fault) -> Undo:
    """Send records from the whole of a topic once more, unchanged and in their order."""
    return _run_within_limit(world, lambda: _duplicate_records(world, fault.target))


def send_stale(world: World, fault: Fault) -> Undo:
    """Send old versions of aggregates that have changed since, with their own ids and with new ones."""
    return _run_within_limit(world, lambda: _send_stale(world, fault.target))


def send_poison(world: World, fault: Fault) -> Undo:
    """Send one poison record of each kind."""
    return _run_within_limit(world, lambda: _send_poison(world, fault.target))


def reset_offsets(world: World, service: str) -> bool:
    """Set every group of the service back to the first record; return False while a group has a member or there is no
    answer.
    """
    try:
        asyncio.run(_reset_offsets(world, service))
    except (
        *_UNANSWERED,
        AssertionError,
    ):  # the client asserts while a broker that has just started reports no brokers
        return False
    world.note("groups set back", sum(_belongs(group, service) for group in consumer_groups()))
    return True


def _belongs(group: str, service: str) -> bool:
    return group.startswith(f"{service}.")


async def _reset_offsets(world: World, service: str) -> None:
    for group in consumer_groups():
        if not _belongs(group, service):
            continue
        consumer = AIOKafkaConsumer(
            bootstrap_servers=world.broker.bootstrap, group_id=group, enable_auto_commit=False
        )
        first = {
            TopicPartition(topic.name, number): 0
            for topic in topics_of(group)
            for number in range(topic.partitions)
        }
        try:
            async with asyncio.timeout(_SECONDS):
                await consumer.start()
                consumer.assign(list(first))
                await consumer.commit(first)
        finally:
            await consumer.stop()


def _run_within_limit(world: World, work: Callable[[], Awaitable[None]]) -> Undo:
    async def within_limits() -> None:
        async with asyncio.timeout(_SECONDS):
            await work()

    try:
        asyncio.run(within_limits())
    except _UNANSWERED:
        world.note("not possible during another fault")
    return undo_nothing


def _sample(world: World, records: Sequence[Record], most: int) -> list[Record]:
    """Return a random sample of at most `most` records, in their order."""
    chosen = world.dice.sample(range(len(records)), min(most, len(records)))
    return [records[place] for place in sorted(chosen)]


async def _duplicate_records(world: World, topic: str) -> None:
    own_records = [
        record
        for record in await dump(world.broker.bootstrap, [topic])
        if poison.poison_kind(record.key) is None
    ]
    async with plain_producer(world.broker.bootstrap) as producer:
        for record in _sample(world, own_records, _MOST_DUPLICATES):
            await producer.send(topic, record.raw.value, key=record.raw.key, headers=list(record.raw.headers))
            world.note("records duplicated")


async def _send_stale(world: World, topic: str) -> None:
    records = [record for record in await dump(world.broker.bootstrap, [topic]) if _is_whole(record)]
    newest = {record.key: record.version for record in sorted(records, key=lambda record: record.version)}
    old = [
        record
        for record in records
        if record.version < newest[record.key] and not record.id.startswith(STALE_PREFIX)
    ]
    async with plain_producer(world.broker.bootstrap) as producer:
        for record in _sample(world, old, _MOST_STALE):
            for new_id in (record.id, f"{STALE_PREFIX}{uuid.UUID(int=world.dice.getrandbits(128))}"):
                headers = [
                    (name, new_id.encode() if name == "ce_id" else text) for name, text in record.raw.headers
                ]
                await producer.send(topic, record.raw.value, key=record.raw.key, headers=headers)
                world.note("stale records")


async def _send_poison(world: World, topic: str) -> None:
    async with plain_producer(world.broker.bootstrap) as producer:
        for kind in poison.KINDS:
            record = poison.make(topic, kind, world.dice)
            await producer.send_and_wait(topic, record.value, key=record.key, headers=record.headers)
            world.note("poison records")


def _is_whole(record: Record) -> bool:
    """Return whether the event carries all of its aggregate's state, so that an older one, under any id, must change
    nothing.
    """
    message = message_for(record.type)
    return message is not None and message.contract.whole and poison.poison_kind(record.key) is None
