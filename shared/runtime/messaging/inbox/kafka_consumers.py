"""How subscribers wait for records: until there are some, and on the embedded broker without asking all the time.

FastStream's batch loop asks for records for `batch_timeout_ms`, and where none came it sleeps for as long again: fifty
looks a second by a group that nobody speaks to, and a record that comes meanwhile waits for the sleep to end. Here
nothing is handed on before there is something.

The client (aiokafka) asks for more as soon as its buffer was taken, keeps the first answer, and asks nothing until that
is taken too. So a batch was what came in the moment after the batch before, whatever had come since. Where many records
follow on many, a batch is filled up; one record after another is never kept waiting.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream.kafka import KafkaBroker

from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.outbox.wakeups import waiting_for

# How long one look lasts. The group's own errors are raised where it begins.
LOOK_MS = 1_000
EMBEDDED_LOOK_MS = 8
# So many records in one batch are work in bulk: its batches begin a moment apart.
BULK_RECORDS = 16
GATHER_SECONDS = 0.1
FILL_UP_MS = 30
# Between two attempts at a broker that does not answer; each of them says so in the log.
RETRY_BACKOFF_MS = 500
FIRST_REST_SECONDS = 0.005
LONGEST_REST_SECONDS = 2.0

Found = dict[TopicPartition, list[Any]]


class BlockingConsumer(AIOKafkaConsumer):  # type: ignore[misc] # the library has no types
    """`getmany` waits for records, however long that takes; its own time limit is not looked at.

    It hands out what it takes at once, so that nothing is lost where it is cancelled.
    """

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,  # noqa: ARG002 - FastStream names it
        max_records: int | None = None,
    ) -> Found:
        """At least one record. Raises KafkaError, and ConsumerStoppedError once `stop` was called."""
        while True:
            found: Found = await super().getmany(*partitions, timeout_ms=LOOK_MS, max_records=max_records)
            if found:
                return found


class BatchingConsumer(BlockingConsumer):
    """A group's consumer: it waits, and fills batches of many up.

    Cancelled while it does, it has taken records that nobody gets: only for who reads again from what was committed.
    """

    _began = 0.0
    _in_bulk = False

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Found:
        """At least one record. Raises KafkaError, and ConsumerStoppedError once `stop` was called."""
        found = await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
        if self._in_bulk or _count(found) >= BULK_RECORDS:
            await self._fill_up(found, max_records)
            rest = self._began + GATHER_SECONDS - time.monotonic()
            if rest > 0 and _has_room(found, max_records):
                await asyncio.sleep(rest)
                await self._fill_up(found, max_records)
        self._began, self._in_bulk = time.monotonic(), _count(found) >= BULK_RECORDS
        return found

    async def _fill_up(self, found: Found, max_records: int | None) -> None:
        """Add what lies in the buffer, and what the broker has."""
        for _ in range(2):
            if not _has_room(found, max_records):
                return
            room = None if max_records is None else max_records - _count(found)
            more: Found = await AIOKafkaConsumer.getmany(self, timeout_ms=FILL_UP_MS, max_records=room)
            if not more:
                return
            for partition, records in more.items():
                found.setdefault(partition, []).extend(records)


def _count(found: Found) -> int:
    return sum(map(len, found.values()))


def _has_room(found: Found, max_records: int | None) -> bool:
    return max_records is None or _count(found) < max_records


class BackoffConsumer(AIOKafkaConsumer):  # type: ignore[misc] # as above
    """`getmany` waits for records, and rests between two looks: longer and longer while nothing comes.

    For a broker that keeps an empty fetch waiting whatever comes meanwhile. A relay of this process ends the rest, and
    no other process has one; that a rest ends by itself is for what would be missed otherwise.
    """

    def __init__(self, *topics: str, announced_at: str, **options: Any) -> None:
        super().__init__(*topics, **options)
        self._announced_at = announced_at

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,  # noqa: ARG002 - FastStream names it
        max_records: int | None = None,
    ) -> Found:
        """At least one record. Raises KafkaError, and ConsumerStoppedError once `stop` was called."""
        rest_seconds = FIRST_REST_SECONDS
        with waiting_for(self._announced_at, self.subscription()) as arrived:
            while True:
                found: Found = await super().getmany(
                    *partitions, timeout_ms=EMBEDDED_LOOK_MS, max_records=max_records
                )
                if found:
                    return found
                told = await self._rest(arrived, rest_seconds)
                rest_seconds = FIRST_REST_SECONDS if told else min(2 * rest_seconds, LONGEST_REST_SECONDS)

    async def _rest(self, arrived: asyncio.Event, seconds: float) -> bool:
        """Fetch nothing for a while; whether it ended because something has arrived."""
        self.pause(*self.assignment())
        try:
            async with asyncio.timeout(seconds):
                await arrived.wait()
        except TimeoutError:
            return False
        else:
            arrived.clear()
            return True
        finally:
            self.resume(*self.paused())


def create_reader(kafka: Kafka) -> AIOKafkaConsumer:
    """A consumer without a group, to which partitions are assigned; its `getmany` waits for records."""
    options = {"bootstrap_servers": kafka.bootstrap, **kafka.reader_options()}
    if kafka.embedded:
        return BackoffConsumer(announced_at=kafka.bootstrap, **options)
    return BlockingConsumer(**options)


class ConsumerBroker(KafkaBroker):
    """FastStream's broker with consumers that wait, and without a producer: the relay alone publishes."""

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
        if self._kafka.embedded:
            config.builder = partial(BackoffConsumer, announced_at=self._kafka.bootstrap, **options)
        else:
            config.builder = partial(BatchingConsumer, **options)
        return config.builder
