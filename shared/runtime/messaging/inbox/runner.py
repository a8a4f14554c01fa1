"""All subscribers of a service: FastStream batch subscribers on raw bytes with manual acknowledgement."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka.annotations import KafkaMessage

from shared.contracts.topics import topics_of
from shared.runtime.core.backoff import Backoff
from shared.runtime.database.transaction import Database
from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.inbox.batch_processor import BatchProcessor
from shared.runtime.messaging.inbox.kafka_consumers import ConsumerBroker
from shared.runtime.messaging.inbox.subscription import Subscription
from shared.runtime.observability.health import DEAD_AFTER_SECONDS, UNREADY_AFTER_SECONDS, Health
from shared.runtime.observability.logging import describe_error, get_logger, traceback_locations

EXIT_BUG = 70
STOP_SECONDS = 3.0
log = get_logger("consumers")


def crash(error: BaseException) -> None:
    """End this process at once: what was not committed is done again by the next one."""
    log.critical("process.crashed", frames=traceback_locations(error), **describe_error(error))
    os._exit(EXIT_BUG)


class SubscriptionRunner:
    """Runs the subscriptions while its `async with` is open. Waits for a broker that is not there yet."""

    def __init__(
        self,
        kafka: Kafka,
        database: Database,
        subscriptions: Sequence[Subscription],
        health: Health,
        *,
        dead_letter_limit_per_hour: int = 1_000,
        on_bug: Callable[[BaseException], None] = crash,
    ) -> None:
        self.subscriptions = tuple(subscriptions)
        self._kafka = kafka
        self._on_bug = on_bug
        self._subscribers: list[Any] = []
        self._starting: asyncio.Task[None] | None = None
        self._broker = ConsumerBroker(kafka)
        for subscription in subscriptions:
            heartbeat = health.loop(f"consumer.{subscription.group}")
            processor = BatchProcessor(subscription, database, heartbeat, dead_letter_limit_per_hour)
            self._subscribers.append(self._subscribe(processor, health))

    def _subscribe(self, processor: BatchProcessor, health: Health) -> Any:
        group = processor.subscription.group
        subscriber = self._broker.subscriber(
            *(self._kafka.name(topic.name) for topic in topics_of(group)),
            group_id=self._kafka.name(group),
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            parser=parse_without_headers,
            decoder=decode_nothing,
            **self._kafka.consumer_options(),
        )

        async def consume(message: KafkaMessage) -> None:
            try:
                await processor.consume(message.raw_message, message.consumer)
            except Exception as error:
                self._on_bug(error)
                raise

        subscriber(consume)
        health.check(f"lag.{group}", lambda: _lag_problem(processor, subscriber))
        health.mortal(f"consumer.{group}", lambda: _is_dead(processor, subscriber))
        # An idle group is well: whether it has joined and keeps up is for the check above to say.
        processor.heartbeat.beat()
        processor.heartbeat.stale_after_seconds = float("inf")
        return subscriber

    async def __aenter__(self) -> Self:
        if self._subscribers:
            self._starting = asyncio.create_task(self._start(), name="consumers.start")
        return self

    async def started(self) -> None:
        """Wait until every subscriber has joined its group."""
        if self._starting is not None:
            await self._starting

    async def _start(self) -> None:
        backoff = Backoff(first=0.2)
        while True:
            try:
                await self._broker.connect()
                await asyncio.gather(*(one.start() for one in self._subscribers if one.consumer is None))
            except (KafkaError, OSError) as error:
                log.warning("broker.awaited", **describe_error(error))
                await self._stop_subscribers()
                await backoff.wait()
            except Exception as error:
                self._on_bug(error)
                raise
            else:
                return

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._stop_subscribers()
        except TimeoutError:  # a broker that is silent; the group notices without a farewell
            log.info("subscribers.abandoned")
        await self._broker.stop()

    async def _stop_subscribers(self) -> None:
        for result in await asyncio.gather(
            *(one.stop() for one in self._subscribers), return_exceptions=True
        ):
            if isinstance(result, Exception):
                log.info("subscriber.abandoned", **describe_error(result))


async def parse_without_headers(records: Any, parse: Any) -> Any:
    """The library's message, made without the headers: one that is no UTF-8 would lose the whole batch, unlogged."""
    message = await parse((replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def decode_nothing(message: Any) -> Any:
    return message.body


def _lag_problem(processor: BatchProcessor, subscriber: Any) -> str | None:
    """Progress, or nothing to do, within a minute; a subscriber that never joined is starting."""
    if subscriber.consumer is None or not subscriber.consumer.assignment():
        return "joining its group"
    if any(task.done() for task in subscriber.tasks):
        return "its loop has ended"
    if processor.heartbeat.silent_seconds > UNREADY_AFTER_SECONDS and processor.lag(subscriber.consumer) > 0:
        return processor.heartbeat.reason or "records wait and none is handled"
    return None


def _is_dead(processor: BatchProcessor, subscriber: Any) -> bool:
    """The loop has ended, or records have waited for minutes with no failure that explains it."""
    if subscriber.consumer is None:
        return False
    if any(task.done() for task in subscriber.tasks):
        return True
    stuck = processor.heartbeat.silent_seconds > DEAD_AFTER_SECONDS and processor.heartbeat.reason is None
    return stuck and processor.lag(subscriber.consumer) > 0
