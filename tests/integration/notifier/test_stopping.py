"""A worker that is asked to end publishes the outcomes of its messages in flight before it has ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.runtime.messaging import Lane
from shared.runtime.service.cli import GRACE_SECONDS
from tests.integration.notifier.builders import command
from tests.integration.notifier.driver import NotifierDriver
from tests.integration.notifier.smtp_server import SmtpServer
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics, kafka_of
from tests.support.processes import free_port
from tests.support.stack.part import Part
from tests.support.waiting import eventually

_COUNT_UNPUBLISHED = """
SELECT count(*) FROM outbox_runs AS run JOIN outbox AS message
       ON message.lane = run.lane AND message.id BETWEEN run.first_id AND run.last_id
"""


class SlowServer(SmtpServer):
    """SMTP server that accepts messages when the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = 0
        self.takes = asyncio.Event()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.in_flight += 1
        await self.takes.wait()
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
async def smtp() -> AsyncIterator[SlowServer]:
    server = SlowServer()
    await server.start()
    yield server
    server.takes.set()
    await server.stop()


@pytest.fixture
def worker(notifier_url: str, broker: Broker, smtp: SlowServer, tmp_path: Path) -> Iterator[Part]:
    """Return a worker of the notifier that is not started yet."""
    port = free_port()
    environment = {
        **COMMON_ENVIRONMENT,
        **broker.environment,
        "KINVITE_DATABASE_URL": notifier_url,
        "KINVITE_HTTP_PORT": str(port),
        "NOTIFIER_SMTP_URL": f"smtp://127.0.0.1:{smtp.port}",
        "NOTIFIER_MAIL_FROM": "Kinvite <no-reply@kinvite.example>",
    }
    start = [sys.executable, "-m", "services.notifier", "worker"]
    part = Part("notifier", port, start, tmp_path / "notifier.log", environment=environment)
    yield part
    part.kill()


async def _in_flight(worker: Part, smtp: SlowServer, driver: NotifierDriver, broker: Broker) -> None:
    """Start the worker and have it send a message of each lane, which the server does not answer yet."""
    await create_topics(broker)
    worker.start()
    await eventually(worker.is_ready, within_seconds=120, every_seconds=0.2)
    await driver.put(command(), lane=Lane.SINGLE)
    await driver.put(command(), lane=Lane.BULK)
    await eventually(lambda: smtp.in_flight == 2, within_seconds=60)


async def _stop(worker: Part, smtp: SlowServer) -> None:
    """Stop the worker; the server accepts the messages once the worker is about to end."""
    worker.terminate()
    await eventually(lambda: not worker.is_up(), within_seconds=60)
    assert worker.runs()
    smtp.takes.set()
    await eventually(lambda: not worker.runs(), within_seconds=GRACE_SECONDS)


async def _published(broker: Broker, count: int) -> list[str]:
    """Return the types of the first `count` events about messages on the broker."""
    types: list[str] = []
    consumer = AIOKafkaConsumer(
        kafka_of(broker).name("notifier.message"),
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()

    async def read() -> bool:
        batches: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=100)
        types.extend(
            dict(record.headers)["ce_type"].decode() for records in batches.values() for record in records
        )
        return len(types) >= count

    try:
        await eventually(read)
    finally:
        await consumer.stop()
    return types


async def test_what_became_of_messages_in_flight_is_published_before_a_worker_has_ended(
    worker: Part, smtp: SlowServer, driver: NotifierDriver, broker: Broker
) -> None:
    await _in_flight(worker, smtp, driver, broker)
    await _stop(worker, smtp)
    assert await _published(broker, 2) == ["notifier.message.sent.v1"] * 2
    assert await driver.states() == ["sent", "sent"]


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_without_a_broker_a_worker_ends_in_time_and_keeps_what_it_has_to_publish(
    worker: Part, smtp: SlowServer, driver: NotifierDriver, broker: Broker
) -> None:
    assert isinstance(broker.running, Tansu)
    await _in_flight(worker, smtp, driver, broker)
    broker.running.kill()
    await _stop(worker, smtp)
    assert await driver.states() == ["sent", "sent"]
    async with driver.database.transaction() as tx:
        assert await tx.scalar(_COUNT_UNPUBLISHED) == 2
