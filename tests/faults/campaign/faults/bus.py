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
from tests.faults.campaign.faults.outside import nothing
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.topics import Record, dump, plain_producer
from tests.faults.campaign.world import Undo, World

AGAIN = "again-"
_MOST_DUPLICATES = 300
_MOST_STALE = 40
_SECONDS = 30
_UNANSWERED = (KafkaError, OSError, TimeoutError)


def send_again(world: World, fault: Fault) -> Undo:
    """Send records from the whole of a topic once more, unchanged and in their order."""
    return _try(world, lambda: _send_again(world, fault.target))


def send_stale(world: World, fault: Fault) -> Undo:
    """Send old versions of aggregates that have changed since, with their own ids and with new ones."""
    return _try(world, lambda: _send_stale(world, fault.target))


def send_poison(world: World, fault: Fault) -> Undo:
    """Send one poison record of each kind."""
    return _try(world, lambda: _send_poison(world, fault.target))


def set_back(world: World, service: str) -> bool:
    """Set every group of the service back to the first record; return False while a group has a member or there is no
    answer.
    """
    try:
        asyncio.run(_set_back(world, service))
    except (
        *_UNANSWERED,
        AssertionError,
    ):  # the client asserts while a broker that has just started names none
        return False
    world.note("groups set back", sum(_belongs(group, service) for group in consumer_groups()))
    return True


def _belongs(group: str, service: str) -> bool:
    return group.startswith(f"{service}.")


async def _set_back(world: World, service: str) -> None:
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


def _try(world: World, work: Callable[[], Awaitable[None]]) -> Undo:
    async def within_limits() -> None:
        async with asyncio.timeout(_SECONDS):
            await work()

    try:
        asyncio.run(within_limits())
    except _UNANSWERED:
        world.note("not possible meanwhile")
    return nothing


def _some(world: World, records: Sequence[Record], most: int) -> list[Record]:
    """Return a random sample of at most `most` records, in their order."""
    chosen = world.dice.sample(range(len(records)), min(most, len(records)))
    return [records[place] for place in sorted(chosen)]


async def _send_again(world: World, topic: str) -> None:
    ours = [
        record for record in await dump(world.broker.bootstrap, [topic]) if poison.kind_of(record.key) is None
    ]
    async with plain_producer(world.broker.bootstrap) as producer:
        for record in _some(world, ours, _MOST_DUPLICATES):
            await producer.send(topic, record.raw.value, key=record.raw.key, headers=list(record.raw.headers))
            world.note("records duplicated")


async def _send_stale(world: World, topic: str) -> None:
    records = [record for record in await dump(world.broker.bootstrap, [topic]) if _is_whole(record)]
    newest = {record.key: record.version for record in sorted(records, key=lambda record: record.version)}
    old = [
        record
        for record in records
        if record.version < newest[record.key] and not record.id.startswith(AGAIN)
    ]
    async with plain_producer(world.broker.bootstrap) as producer:
        for record in _some(world, old, _MOST_STALE):
            for new_id in (record.id, f"{AGAIN}{uuid.UUID(int=world.dice.getrandbits(128))}"):
                headers = [
                    (name, new_id.encode() if name == "ce_id" else text) for name, text in record.raw.headers
                ]
                await producer.send(topic, record.raw.value, key=record.raw.key, headers=headers)
                world.note("stale records")


async def _send_poison(world: World, topic: str) -> None:
    async with plain_producer(world.broker.bootstrap) as producer:
        for kind in poison.KINDS:
            made = poison.make(topic, kind, world.dice)
            await producer.send_and_wait(topic, made.value, key=made.key, headers=made.headers)
            world.note("poison records")


def _is_whole(record: Record) -> bool:
    """Return whether the event carries all of its aggregate's state, so that an older one, under any id, must change
    nothing.
    """
    message = message_for(record.type)
    return message is not None and message.contract.whole and poison.kind_of(record.key) is None
