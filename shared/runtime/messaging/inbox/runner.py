"""Running of subscriptions: FastStream batch subscribers on raw bytes with manual acknowledgement."""

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
    """End this process at once. What was not committed is done again by the next one."""
    log.critical("process.crashed", frames=traceback_locations(error), **describe_error(error))
    os._exit(EXIT_BUG)


class SubscriptionRunner:
    """Runner of a service's subscriptions while its `async with` is open. It waits for a broker that is absent.

    `on_bug` is called with an exception of a handler that is neither a rejection nor transient.
    """

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
        self.broker = ConsumerBroker(kafka)
        self._kafka = kafka
        self._on_bug = on_bug
        self._subscribers: list[Any] = []
        self._starting: asyncio.Task[None] | None = None
        for subscription in subscriptions:
            heartbeat = health.loop(f"consumer.{subscription.group}")
            processor = BatchProcessor(subscription, database, heartbeat, dead_letter_limit_per_hour)
            self._subscribers.append(self._subscribe(processor, health))

    def _subscribe(self, processor: BatchProcessor, health: Health) -> Any:
        group = processor.subscription.group
        subscriber = self.broker.subscriber(
            *(self._kafka.name(topic.name) for topic in topics_of(group)),
            group_id=self._kafka.name(group),
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            parser=parse_leniently,
            decoder=leave_undecoded,
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
        # An idle group is healthy; whether it has joined and keeps up is what the check above decides.
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
                await self.broker.connect()
                stopped = [subscriber for subscriber in self._subscribers if subscriber.consumer is None]
                await asyncio.gather(*(subscriber.start() for subscriber in stopped))
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
        except TimeoutError:  # the broker is silent; the group notices by the session timeout
            log.info("subscribers.abandoned")
        await self.broker.stop()

    async def _stop_subscribers(self) -> None:
        stopping = (subscriber.stop() for subscriber in self._subscribers)
        for outcome in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.info("subscriber.abandoned", **describe_error(outcome))


async def parse_leniently(records: Any, parse: Any) -> Any:
    """Parse a batch as FastStream does, with the headers of its first record, whatever their bytes are.

    FastStream decodes every header as UTF-8 before it calls a handler or a middleware: one that is not would lose the
    whole batch without a log line.
    """
    first = records[0]
    readable = tuple(
        (name, (value or b"").decode(errors="replace").encode()) for name, value in first.headers
    )
    message = await parse((replace(first, headers=readable),))
    message.raw_message = records
    return message


async def leave_undecoded(message: Any) -> Any:
    """Return the body as it is: `BatchProcessor` decodes the raw records."""
    return message.body


def _lag_problem(processor: BatchProcessor, subscriber: Any) -> str | None:
    """Return why the group is not ready: it has not joined, or has not progressed for a minute with records waiting."""
    if subscriber.consumer is None or not subscriber.consumer.assignment():
        return "joining its group"
    if any(task.done() for task in subscriber.tasks):
        return "its loop has ended"
    heartbeat = processor.heartbeat
    if heartbeat.silent_seconds > UNREADY_AFTER_SECONDS and processor.lag(subscriber.consumer) > 0:
        return heartbeat.reason or "records wait and none is handled"
    return None


def _is_dead(processor: BatchProcessor, subscriber: Any) -> bool:
    """Return whether the loop has ended, or records have waited for minutes without a failure that explains it."""
    if subscriber.consumer is None:
        return False
    if any(task.done() for task in subscriber.tasks):
        return True
    heartbeat = processor.heartbeat
    stuck = heartbeat.silent_seconds > DEAD_AFTER_SECONDS and heartbeat.reason is None
    return stuck and processor.lag(subscriber.consumer) > 0
