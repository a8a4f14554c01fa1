"""The one-shot job that creates the topics before services start."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from shared.contracts.topics import TOPICS
from shared.runtime.messaging import Kafka
from shared.runtime.messaging.broker.topics import EXIT_CONFIGURATION, create_topics
from tests.support.brokers.base import Broker
from tests.support.processes import free_port

_ROOT = Path(__file__).parents[3]


def _run(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINVITE_")}
    command = [sys.executable, "-m", "shared.runtime.messaging.broker.topics"]
    return subprocess.run(
        command,
        cwd=_ROOT,
        env={**clean, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_job_creates_what_is_missing_and_may_run_again(broker: Broker) -> None:
    first = _run(broker.environment)
    assert first.returncode == 0, first.stderr
    for topic in TOPICS:
        assert f"{broker.prefix}{topic.name}" in first.stderr
    again = _run(broker.environment)
    assert again.returncode == 0, again.stderr
    assert "all were there" in again.stderr


def test_the_command_names_what_is_missing() -> None:
    done = _run({})
    assert done.returncode == EXIT_CONFIGURATION
    assert "KINVITE_KAFKA_BOOTSTRAP" in done.stderr


async def test_a_broker_that_never_answers_is_an_error() -> None:
    with pytest.raises(KafkaError):
        await create_topics(Kafka(f"127.0.0.1:{free_port()}"), replication=1, within_seconds=0.2)
