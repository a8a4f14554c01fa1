"""The whole service: commands from the broker, e-mail over SMTP, events to the broker, and the list for staff."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from services.notifier.app import create_app
from services.notifier.settings import Settings
from shared.contracts.notifier import SendMessage
from shared.runtime.core import load_settings, new_id
from tests.integration.notifier.builders import KEYS, SCHOOL, TRACE, command, received
from tests.integration.notifier.smtp_server import SmtpServer, smtp_server
from tests.support.apps import COMMON_ENVIRONMENT, PUBLIC_URL, bearer, running
from tests.support.brokers.base import Broker
from tests.support.brokers.topics import create_topics, kafka_of
from tests.support.waiting import eventually

MESSAGES = f"/notifier/v1/schools/{SCHOOL}/messages"


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    async with smtp_server() as server:
        yield server


@pytest.fixture
async def client(
    notifier_url: str, broker: Broker, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service; yield a client of it with all rights."""
    await create_topics(broker)
    environment = {
        **COMMON_ENVIRONMENT,
        **broker.environment,
        "KINVITE_DATABASE_URL": notifier_url,
        "NOTIFIER_SMTP_URL": f"smtp://127.0.0.1:{smtp.port}",
        "NOTIFIER_MAIL_FROM": "Kinvite <no-reply@kinvite.example>",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with running(create_app(load_settings(Settings)), headers=bearer()) as opened:
        yield opened


async def _publish(broker: Broker, *commands: SendMessage, topic: str = "notifier.commands") -> None:
    producer = kafka_of(broker).producer()
    await producer.start()
    try:
        for data in commands:
            await producer.send_and_wait(
                kafka_of(broker).name(topic),
                data.model_dump_json().encode(),
                key=data.key.encode(),
                headers=received(data).attributes.headers(),
            )
    finally:
        await producer.stop()


@asynccontextmanager
async def _events(broker: Broker) -> AsyncIterator[list[ConsumerRecord[Any, Any]]]:
    """Yield the list of records on notifier.message, which grows while the block is open."""
    seen: list[ConsumerRecord[Any, Any]] = []
    consumer = AIOKafkaConsumer(
        kafka_of(broker).name("notifier.message"),
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()

    async def read() -> None:
        while True:
            seen.append(await consumer.getone())

    task = asyncio.create_task(read())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


async def test_p6_from_the_command_to_the_email_and_back(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    data = command(template="invite")
    async with _events(broker) as events:
        await _publish(broker, data)
        await eventually(lambda: len(events) == 1, within_seconds=30)
    headers = {name: value.decode() for name, value in events[0].headers}
    assert headers["ce_type"] == "notifier.message.sent.v1"
    assert headers["traceparent"].split("-")[1] == TRACE.split("-")[1]
    assert json.loads(events[0].value)["message_id"] == str(data.message_id)
    [email] = smtp.messages_to("maria@example.org")
    token = KEYS.derive("join", data.invitation_id, 1, "k1")
    assert f"{PUBLIC_URL}/join/{token}" in next(email.iter_parts()).get_content()


async def test_both_topics_are_read_and_each_command_is_sent_once(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    bulk = [command(address=f"p{n}@example.org") for n in range(50)]
    single = command()
    await _publish(broker, *bulk, *bulk[:10], topic="notifier.commands.bulk")
    await _publish(broker, single)
    await eventually(lambda: len(smtp.kept) >= 51, within_seconds=30)
    listed = (await client.get(MESSAGES, params={"limit": 100})).json()
    assert len(listed["items"]) == 51
    await eventually(lambda: len(smtp.kept) == 51)


async def test_c14_staff_see_what_failed_and_why(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    data = command()
    smtp.at_rcpt["maria@example.org"] = ["550 5.1.1 <maria@example.org>: no such user"]
    await _publish(broker, data)

    async def failed() -> Any:
        items = (await client.get(MESSAGES)).json()["items"]
        assert [item["state"] for item in items] == ["failed_permanent"]
        return items[0]

    item = await eventually(failed, within_seconds=30)
    assert item["reason"] == "There is no mailbox with this address."
    assert item["recipient"] == {"address": "maria@example.org", "name": "Maria Lopez"}
    assert item["attempts"][0]["detail"] == "550 5.1.1 <maria@example.org>: no such user"
    assert item["next_attempt_at"] is None


async def test_i41_nothing_about_a_person_is_logged(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    canary = command(address="canary@example.org", name="Canary Bird")
    smtp.at_rcpt["canary@example.org"] = ["450 4.7.1 <canary@example.org> later"]

    async def states() -> set[str]:
        return {item["state"] for item in (await client.get(MESSAGES)).json()["items"]}

    with capture_logs() as logged:
        await _publish(broker, canary)
        await eventually(lambda: smtp.kept != [], within_seconds=30)
        await smtp.stop()
        await _publish(broker, command(address="canary@example.org", name="Canary Bird"))

        async def has_failed() -> bool:
            return await states() == {"sent", "failed_temporary"}

        await eventually(has_failed, within_seconds=30)
    assert "channel.unavailable" in {entry["event"] for entry in logged}
    token = KEYS.derive("verify", canary.invitation_id, 1, "k1")
    for secret in ("canary", "Canary", token):
        assert secret not in str(logged)


async def test_a_dead_server_is_waited_for(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    await smtp.stop()
    await _publish(broker, command())

    async def waiting() -> bool:
        items = (await client.get(MESSAGES)).json()["items"]
        return [item["state"] for item in items] == ["failed_temporary"]

    await eventually(waiting, within_seconds=30)
    await smtp.start()
    await eventually(lambda: len(smtp.kept) == 1, within_seconds=30)


async def test_rubbish_is_parked_and_stops_nothing(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    producer = kafka_of(broker).producer()
    await producer.start()
    good = received(command()).attributes.headers()
    for number, value in enumerate((b"{", b"[]", b'{"message_id": 1}', b"\xff", b'{"template": "verify"}')):
        headers = [(name, f"bad-{number}".encode() if name == "ce_id" else text) for name, text in good]
        await producer.send_and_wait(
            kafka_of(broker).name("notifier.commands"), value, key=b"x", headers=headers
        )
    await producer.stop()
    await _publish(broker, command())
    await eventually(lambda: len(smtp.kept) == 1, within_seconds=30)


async def test_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200
    await eventually(lambda: _ready(client), within_seconds=30)


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/notifier/readyz")).status_code == 200


async def test_an_unknown_message_type_of_a_newer_release_is_passed_by(
    client: httpx.AsyncClient, broker: Broker, smtp: SmtpServer
) -> None:
    data = command(message_id=uuid7(), parent_id=new_id())
    newer = [
        (name, b"notifier.message.recall.v1" if name == "ce_type" else value)
        for name, value in received(data).attributes.headers()
    ]
    producer = kafka_of(broker).producer()
    await producer.start()
    await producer.send_and_wait(kafka_of(broker).name("notifier.commands"), b"{}", key=b"x", headers=newer)
    await producer.stop()
    await _publish(broker, data)
    await eventually(lambda: len(smtp.kept) == 1, within_seconds=30)
