"""How we speak to the broker: Apache Kafka, or the embedded broker, which keeps everything in memory."""

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
EMBEDDED_WAIT_MS = 5


class Kafka:
    """The broker's address and the client options that our promises rest on."""

    def __init__(self, bootstrap: str, *, profile: str = "kafka", topic_prefix: str = "") -> None:
        self.bootstrap = bootstrap
        self.embedded = profile == "embedded"
        self.topic_prefix = topic_prefix

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> Kafka:
        """From a service's settings."""
        return cls(
            settings.kafka_bootstrap, profile=settings.kafka_profile, topic_prefix=settings.kafka_topic_prefix
        )

    def name(self, topic_or_group: str) -> str:
        """A topic's or group's name on this broker: the prefix keeps several installations on one broker apart."""
        return f"{self.topic_prefix}{topic_or_group}"

    def producer(self) -> AIOKafkaProducer:
        """A producer that acknowledges only what all in-sync replicas have; the library's default is the leader alone.

        The embedded broker has no idempotent producer; consumers de-duplicate in either case.
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
        """Options of every subscriber, beside its topics, group and acknowledgement policy.

        The embedded broker answers an empty fetch only after `fetch_max_wait_ms`, and a new group only after half of
        the session's time limit; Apache Kafka answers both at once.
        """
        options: dict[str, Any] = {
            "auto_offset_reset": "earliest",
            "max_records": MAX_RECORDS,
            "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
            "max_poll_interval_ms": 300_000,
            # As long as a killed member's partitions, and every commit of its group, wait for it.
            "session_timeout_ms": 12_000,
            "heartbeat_interval_ms": 3_000,
            "rebalance_timeout_ms": 30_000,
            "fetch_max_wait_ms": 500,
        }
        if self.embedded:
            options |= {
                "session_timeout_ms": 4_000,
                "heartbeat_interval_ms": 1_000,
                "rebalance_timeout_ms": 4_000,
                "fetch_max_wait_ms": EMBEDDED_WAIT_MS,
            }
        return options

    def reader_options(self) -> dict[str, Any]:
        """Options of a reader without a group, which begins at the beginning every time."""
        wait = EMBEDDED_WAIT_MS if self.embedded else 5_000
        return {"auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": wait}

    async def create_topics(self, *, replication: int = 1) -> list[str]:
        """Create the topics that are missing; answers the names created. Raises KafkaError."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            wanted = [
                NewTopic(
                    self.name(topic.name),
                    topic.partitions,
                    replication,
                    topic_configs=_configuration(topic),
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
    """End a producer whose broker does not answer, and send nothing of what it still holds.

    Its own `stop` waits for acknowledgements, and an idempotent one repeats without end: left alone it would go on
    in the background and publish old records when the broker is back.
    """
    producer._closed = True  # noqa: SLF001 (no public way leaves what is pending)
    sending = producer._sender.sender_task  # noqa: SLF001
    # Cancelled once it waits for what is under way, on a connection that may be silent; cancelled again it leaves.
    while sending is not None and not sending.done():
        sending.cancel()
        await asyncio.wait([sending], timeout=0.1)
    await producer.client.close()


def _configuration(topic: Topic) -> dict[str, str]:
    if topic.retention_days is None:
        return {"cleanup.policy": "compact"}
    return {"retention.ms": str(topic.retention_days * MILLISECONDS_PER_DAY)}
