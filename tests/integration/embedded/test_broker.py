"""The broker as the supervisor runs it."""

from __future__ import annotations

import signal
from pathlib import Path

from deploy.embedded.broker import Broker
from shared.contracts.topics import TOPICS
from shared.runtime.messaging import Kafka


async def test_the_broker_gets_every_topic_and_begins_empty_after_a_kill(tmp_path: Path) -> None:
    async with Broker(tmp_path / "broker.log") as broker:
        for _ in range(2):
            created = await Kafka(broker.bootstrap, profile="embedded").create_topics()
            assert set(created) == {topic.name for topic in TOPICS}
            assert await Kafka(broker.bootstrap, profile="embedded").create_topics() == []
            assert broker.child.process is not None
            broker.child.process.send_signal(signal.SIGKILL)
            await broker.wait()
            await broker.start()
