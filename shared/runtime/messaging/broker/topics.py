"""Creation of missing topics: `python -m shared.runtime.messaging.broker.topics`.

It waits for a broker that is starting.
"""

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
    """Create the topics that are missing and return their names.

    Raises KafkaError if the broker does not answer in time.
    """
    until, backoff = time.monotonic() + within_seconds, Backoff(first=0.2)
    while True:
        try:
            return await kafka.create_topics(replication=replication)
        except KafkaError:
            if time.monotonic() > until:
                raise
            await backoff.wait()


def main() -> int:
    """Create the topics, as KINVITE_KAFKA_BOOTSTRAP, _TOPIC_PREFIX and _REPLICATION (default 1) configure.

    Returns the exit code.
    """
    bootstrap = os.environ.get("KINVITE_KAFKA_BOOTSTRAP", "")
    replication = os.environ.get("KINVITE_KAFKA_REPLICATION", "") or "1"
    if not bootstrap or not replication.isdecimal() or not int(replication):
        return _print_error(
            "KINVITE_KAFKA_BOOTSTRAP must name a broker, KINVITE_KAFKA_REPLICATION a number",
            EXIT_CONFIGURATION,
        )
    kafka = Kafka(bootstrap, topic_prefix=os.environ.get("KINVITE_KAFKA_TOPIC_PREFIX", ""))
    try:
        created = asyncio.run(create_topics(kafka, replication=int(replication)))
    except KafkaError as error:
        return _print_error(f"The topics could not be created: {type(error).__name__}", 1)
    return _print_error(f"Topics created: {', '.join(sorted(created)) or 'none, all were there'}", 0)


def _print_error(text: str, code: int) -> int:
    """Print the text to standard error and return the exit code."""
    sys.stderr.write(text + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
