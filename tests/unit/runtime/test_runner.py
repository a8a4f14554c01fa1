"""Subscriptions on FastStream's test broker: raw records reach the processor, and a bug reaches `on_bug`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord
from faststream.kafka import TestKafkaBroker

from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Subscription
from shared.runtime.messaging.inbox.batch_processor import BatchProcessor
from shared.runtime.messaging.inbox.runner import SubscriptionRunner
from shared.runtime.observability import Health

GROUP, TOPIC = "roster.on-signup", "signup.account"


class BugError(Exception):
    """A handler that fails for a reason that is neither a rejection nor transient."""


def _runner(bugs: list[BaseException]) -> SubscriptionRunner:
    kafka = Kafka("127.0.0.1:1")
    return SubscriptionRunner(
        kafka, cast(Database, None), [Subscription(GROUP, {})], Health(), on_bug=bugs.append
    )


async def test_records_reach_the_processor_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[Any] = []

    async def consume(_: BatchProcessor, records: Sequence[Any], consumer: Any) -> None:
        received.extend((record, consumer) for record in records)

    monkeypatch.setattr(BatchProcessor, "consume", consume)
    runner = _runner([])
    async with TestKafkaBroker(runner.broker) as broker:
        await broker.publish_batch(b"\xff\x00", b"second", topic=TOPIC, headers={"ce_id": "1"})
    assert [record.value for record, _ in received] == [b"\xff\x00", b"second"]
    record, consumer = received[0]
    assert isinstance(record, ConsumerRecord)
    assert dict(record.headers)["ce_id"] == b"1"
    assert consumer is not None


async def test_an_exception_of_the_processor_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    async def consume(*_: Any) -> None:
        raise BugError

    monkeypatch.setattr(BatchProcessor, "consume", consume)
    bugs: list[BaseException] = []
    runner = _runner(bugs)
    async with TestKafkaBroker(runner.broker) as broker:
        with pytest.raises(BugError):
            await broker.publish_batch(b"1", topic=TOPIC)
    assert [type(bug) for bug in bugs] == [BugError]
