"""Client options of the broker: Apache Kafka, or the embedded broker, which keeps everything in memory."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic
from shared.runtime.core.settings import ServiceSettings
from shared.runtime.messaging.broker.partitioner import choose_partition

MILLISECONDS_PER_DAY = 86_400_000
MAX_RECORDS = 500
FETCH_WAIT_MS = 500
EMBEDDED_FETCH_WAIT_MS = 20


class Kafka:
    """Address of the broker, and the client options that the delivery promises rest on.

    `profile` is `kafka` or `embedded`. The embedded broker has no idempotent producer and answers an empty fetch only
    when its wait ends.
    """

    def __init__(self, bootstrap: str, *, profile: str = "kafka", topic_prefix: str = "") -> None:
        self.bootstrap = bootstrap
        self.profile = profile
        self.topic_prefix = topic_prefix

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> Kafka:
        """Create the options from a service's settings."""
        return cls(
            settings.kafka_bootstrap, profile=settings.kafka_profile, topic_prefix=settings.kafka_topic_prefix
        )

    @property
    def embedded(self) -> bool:
        """Whether the broker is the embedded one."""
        return self.profile == "embedded"

    def name(self, topic_or_group: str) -> str:
        """Return the name of a topic or group on this broker, with the prefix that keeps installations apart."""
        return f"{self.topic_prefix}{topic_or_group}"

    def producer(self) -> AIOKafkaProducer:
        """Create a producer whose records are acknowledged by all in-sync replicas, not by the leader alone.

        The embedded broker has no idempotent producer; consumers deduplicate in either case.
        """
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            enable_idempotence=not self.embedded,
            linger_ms=0,
            max_batch_size=256 * 1024,
            request_timeout_ms=20_000,
            retry_backoff_ms=100,
            partitioner=choose_partition,
        )

    def consumer_options(self) -> dict[str, Any]:
        """Return the options of a subscriber, beside its topics, group and acknowledgement policy."""
        options: dict[str, Any] = {
            "auto_offset_reset": "earliest",
            "max_records": MAX_RECORDS,
            "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
            "max_poll_interval_ms": 300_000,
            # The partitions of a killed member, and every commit of its group, wait for so long.
            "session_timeout_ms": 12_000,
            "heartbeat_interval_ms": 3_000,
            "rebalance_timeout_ms": 30_000,
            "fetch_max_wait_ms": FETCH_WAIT_MS,
        }
        if self.embedded:
            # A new group is answered only after half of the session timeout.
            options |= {
                "session_timeout_ms": 4_000,
                "heartbeat_interval_ms": 1_000,
                "rebalance_timeout_ms": 4_000,
                "fetch_max_wait_ms": EMBEDDED_FETCH_WAIT_MS,
            }
        return options

    def reader_options(self) -> dict[str, Any]:
        """Return the options of a reader without a group, which starts at the beginning every time."""
        wait = EMBEDDED_FETCH_WAIT_MS if self.embedded else 5_000
        return {"auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": wait}

    async def create_topics(self, *, replication: int = 1) -> list[str]:
        """Create the topics that are missing and return their names. Raises KafkaError."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            wanted = [
                NewTopic(
                    self.name(topic.name),
                    topic.partitions,
                    replication,
                    topic_configs=_topic_configuration(topic),
                )
                for topic in TOPICS
            ]
            response = await admin.create_topics(wanted)
            created = []
            for name, code, *_ in response.topic_errors:
                if code == TopicAlreadyExistsError.errno:
                    continue
                if code:
                    raise for_code(code)(name)
                created.append(name)
            return created
        finally:
            await admin.close()


async def abort_producer(producer: AIOKafkaProducer) -> None:
    """Close a producer whose broker does not answer, and discard the records it still holds.

    Its own `stop` waits for acknowledgements, and an idempotent producer repeats without end: left alone it would go
    on in the background and publish old records when the broker is back.
    """
    producer._closed = True  # noqa: SLF001 - no public method discards what is pending
    sending = producer._sender.sender_task  # noqa: SLF001
    # The first cancellation lets it wait for requests on a connection that may be silent; the next one ends that too.
    while sending is not None and not sending.done():
        sending.cancel()
        await asyncio.wait([sending], timeout=0.1)
    await producer.client.close()


def _topic_configuration(topic: Topic) -> dict[str, str]:
    if topic.retention_days is None:
        return {"cleanup.policy": "compact"}
    return {"retention.ms": str(topic.retention_days * MILLISECONDS_PER_DAY)}
