"""Contents of topics, read without a consumer group, and a plain producer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.topics import TOPICS, TOPICS_BY_NAME

EVERY_TOPIC = tuple(topic.name for topic in TOPICS)
_FETCH_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class Record:
    """One record. Values of missing headers are empty; `data` is None if the value is not a JSON object."""

    topic: str
    partition: int
    offset: int
    key: str
    id: str
    source: str
    type: str
    school_id: str
    version: int
    time: str
    data: dict[str, Any] | None
    raw: Any = None


@asynccontextmanager
async def plain_producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """Yield a producer as a foreign program would have it: no idempotence, one try."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=5_000)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def dump(bootstrap: str, topics: Sequence[str] = EVERY_TOPIC) -> list[Record]:
    """Read everything that is on these topics now, partition by partition in the order of offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(name, number)
            for name in topics
            for number in range(TOPICS_BY_NAME[name].partitions)
        ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[Record] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, batch in (await consumer.getmany(timeout_ms=_FETCH_MILLISECONDS)).items():
                records += [parse_record(record) for record in batch if record.offset < ends[partition]]
        assert len(records) == sum(ends.values()), f"{len(records)} of {sum(ends.values())}"
        return sorted(records, key=lambda record: (record.topic, record.partition, record.offset))
    finally:
        await consumer.stop()


def parse_record(raw: Any) -> Record:
    """Read a consumer's record as far as it can be read."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in raw.headers}
    version = headers.get("ce_aggregateversion", "")
    return Record(
        raw.topic,
        raw.partition,
        raw.offset,
        (raw.key or b"").decode("utf-8", "replace"),
        headers.get("ce_id", ""),
        headers.get("ce_source", ""),
        headers.get("ce_type", ""),
        headers.get("ce_schoolid", ""),
        int(version) if version.isdigit() else 0,
        headers.get("ce_time", ""),
        _object(raw.value),
        raw,
    )


def _object(value: bytes | None) -> dict[str, Any] | None:
    try:
        read = json.loads(value or b"null")
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
