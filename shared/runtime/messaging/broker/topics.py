"""`python -m shared.runtime.messaging.broker.topics`: create the topics that are missing; waits for a broker that is still starting."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from aiokafka.errors import KafkaError

from shared.runtime.core.backoff import Backoff
from shared.runtime.messaging.broker.client import Kafka

WITHIN_SECONDS = 60.0
EXIT_CONFIGURATION = 78


async def create_topics(
    kafka: Kafka, *, replication: int, within_seconds: float = WITHIN_SECONDS
) -> list[str]:
    """The names created. Raises KafkaError when the broker does not answer within the time."""
    until, backoff = time.monotonic() + within_seconds, Backoff(first=0.2)
    while True:
        try:
            return await kafka.create_topics(replication=replication)
        except KafkaError:
            if time.monotonic() > until:
                raise
            await backoff.wait()


def main() -> int:
    """Reads KINVITE_KAFKA_BOOTSTRAP, KINVITE_KAFKA_TOPIC_PREFIX and KINVITE_KAFKA_REPLICATION (default 1)."""
    bootstrap = os.environ.get("KINVITE_KAFKA_BOOTSTRAP", "")
    replication = os.environ.get("KINVITE_KAFKA_REPLICATION", "") or "1"
    if not bootstrap or not replication.isdecimal() or not int(replication):
        return _say(
            "KINVITE_KAFKA_BOOTSTRAP must name a broker, KINVITE_KAFKA_REPLICATION a number",
            EXIT_CONFIGURATION,
        )
    kafka = Kafka(bootstrap, topic_prefix=os.environ.get("KINVITE_KAFKA_TOPIC_PREFIX", ""))
    try:
        created = asyncio.run(create_topics(kafka, replication=int(replication)))
    except KafkaError as error:
        return _say(f"The topics could not be created: {type(error).__name__}", 1)
    return _say(f"Topics created: {', '.join(sorted(created)) or 'none, all were there'}", 0)


def _say(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
