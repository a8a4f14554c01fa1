"""Without a broker a worker says so once, few lines beside it, and that it is back."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics
from tests.support.processes import free_port
from tests.support.stack.part import Part
from tests.support.waiting import eventually


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_a_broker_that_is_gone_and_comes_back_is_logged_in_a_line_each(
    broker: Broker, environment: dict[str, str], tmp_path: Path
) -> None:
    assert isinstance(broker.running, Tansu)
    await create_topics(broker)
    port = free_port()
    worker = Part(
        "roster",
        port,
        [sys.executable, "-m", "services.roster", "worker"],
        tmp_path / "roster.log",
        environment={**environment, "KINVITE_HTTP_PORT": str(port)},
    )

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in worker.log.read_text().splitlines()]

    def was_logged(event: str) -> bool:
        return event in {line["event"] for line in lines()}

    worker.start()
    try:
        await eventually(worker.is_ready, within_seconds=120, every_seconds=0.2)
        broker.running.kill()
        await eventually(lambda: was_logged("broker.gone"), within_seconds=60)
        await _tried(broker.running.port, 60)
        broker.running.start()
        await create_topics(broker)
        await eventually(lambda: was_logged("broker.back"), within_seconds=60)
    finally:
        worker.kill()
    events = [line["event"] for line in lines()]
    assert (events.count("broker.gone"), events.count("broker.back")) == (1, 1)
    assert len(events) < 100, events


async def _tried(port: int, times: int) -> None:
    """Until the broker's clients have tried so many times."""
    tries = 0

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", port):
        await eventually(lambda: tries >= times, within_seconds=120)
