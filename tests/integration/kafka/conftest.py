"""Tests of library behaviour that our promises rest on, against Apache Kafka itself."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.integration.kafka.driver import KafkaDriver
from tests.support.brokers.base import Broker, RunningBroker
from tests.support.brokers.topics import delete_topics


@pytest.fixture(params=[pytest.param("kafka", marks=[pytest.mark.kafka])])
async def kafka(apache_kafka: RunningBroker) -> AsyncIterator[KafkaDriver]:
    """Apache Kafka with topics and groups for this test alone; what it opens is closed after the test."""
    broker = Broker(apache_kafka.bootstrap, "kafka", apache_kafka)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(delete_topics, broker)
        yield KafkaDriver(broker, stack)
