"""Process with relay and consumer that kills itself at one point.

`python -m tests.faults.victim <point>` reads KINVITE_DATABASE_URL and the KINVITE_KAFKA_* settings. The point `none`
lets it live.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.roster import ParentAdded
from shared.runtime.database import Database, Transaction
from shared.runtime.messaging import Kafka
from shared.runtime.messaging.outbox.relay import Relay
from tests.integration.runtime.driver import RuntimeDriver, record_effects

POINTS = ("before_send", "after_acknowledgement", "before_database_commit", "after_database_commit")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: str) -> None:
    publish = Relay._publish

    async def dying_publish(relay: Relay, rows: Sequence[Any]) -> None:
        if point == "before_send":
            _die()
        await publish(relay, rows)
        _die()

    async def dying_commit(consumer: AIOKafkaConsumer, offsets: Any = None) -> None:
        _die()

    if point in ("before_send", "after_acknowledgement"):
        Relay._publish = dying_publish  # type: ignore[method-assign, assignment]
    if point == "after_database_commit":
        AIOKafkaConsumer.commit = dying_commit


async def _run(point: str) -> None:
    async def handle(transaction: Transaction, messages: Sequence[Received[Message]]) -> None:
        await record_effects(transaction, messages)
        if point == "before_database_commit":
            _die()

    url = os.environ["KINVITE_DATABASE_URL"]
    kafka = Kafka(
        os.environ["KINVITE_KAFKA_BOOTSTRAP"],
        profile=os.environ["KINVITE_KAFKA_PROFILE"],
        topic_prefix=os.environ["KINVITE_KAFKA_TOPIC_PREFIX"],
    )
    async with Database(url, schema="roster") as roster, Database(url, schema="invitations") as invitations:
        harness = RuntimeDriver(kafka, roster, invitations)
        async with harness.relaying(), harness.consuming({ParentAdded: handle}):
            await asyncio.Event().wait()


if __name__ == "__main__":
    _arm(sys.argv[1])
    asyncio.run(_run(sys.argv[1]))
