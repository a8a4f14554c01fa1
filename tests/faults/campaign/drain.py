"""Draining: waiting until every outbox is empty, every consumer group at its end, and every message finished."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts.topics import consumer_groups, topics_of
from tests.support.pace import pause_for
from tests.support.stack import SERVICES

_POLL_SECONDS = 0.5
_QUIET_POLLS = 3
# Messages that wait for a retry are retried now; reports that a provider withholds are not waited for.
_RETRY_NOW = "UPDATE notifier.messages SET due_at = now() WHERE due_at > now() AND locked_until IS NULL"
_WORK = {
    **{f"{name} outbox": f"SELECT count(*) FROM {name}.outbox_runs" for name in SERVICES},
    "messages to send": "SELECT count(*) FROM notifier.messages WHERE due_at IS NOT NULL",
    "reports to apply": "SELECT count(*) FROM notifier.reports WHERE NOT applied",
    "imports": "SELECT count(*) FROM roster.imports WHERE state IN ('validating', 'applying')",
    "runs": "SELECT count(*) FROM invitations.bulk_runs WHERE state IN ('selecting', 'running')",
    "expiries due": """SELECT count(*) FROM invitations.invitations WHERE expires_at < now()
                      AND status IN ('awaiting_verification', 'invited')""",
    "submissions to decide": "SELECT count(*) FROM signup.submissions WHERE state = 'pending'",
}


class NotDrainedError(Exception):
    """The time limit was reached; the text lists what is left."""


Lags = Callable[[], Awaitable[dict[str, int]]]


async def drain(database: str, lags: Lags, *, limit_seconds: float, tick: Callable[[], None]) -> float:
    """Wait until no work is left and return the seconds it took.

    `tick` is called at every poll. Raises NotDrainedError with what is left.
    """
    began, quiet, remaining = time.monotonic(), 0, {"never polled": 1}
    while quiet < _QUIET_POLLS:
        if time.monotonic() - began > limit_seconds:
            raise NotDrainedError(f"after {limit_seconds:.0f} s there are left: {remaining}")
        tick()
        remaining = await _remaining_work(database, lags)
        quiet = 0 if remaining else quiet + 1
        await pause_for(_POLL_SECONDS)
    return time.monotonic() - began


async def _remaining_work(database: str, lags: Lags) -> dict[str, int]:
    try:
        connection = await asyncpg.connect(database)
    except (OSError, asyncpg.PostgresError) as error:
        return {f"database: {error}": 1}
    try:
        await connection.execute(_RETRY_NOW)
        counts = {what: int(await connection.fetchval(query)) for what, query in _WORK.items()}
    finally:
        await connection.close()
    remaining = {what: count for what, count in counts.items() if count}
    return remaining or await lags()


async def group_lags(bootstrap: str) -> dict[str, int]:
    """Return the number of records that a group has not committed yet, by group; empty where every group is at its
    end.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        group_lag = {}
        for group in consumer_groups():
            partitions = [
                TopicPartition(topic.name, number)
                for topic in topics_of(group)
                for number in range(topic.partitions)
            ]
            ends = await consumer.end_offsets(partitions)
            offsets = await admin.list_consumer_group_offsets(group, partitions=partitions)
            lag = sum(end - max(0, offsets[partition].offset) for partition, end in ends.items())
            if lag:
                group_lag[f"lag of {group}"] = lag
        return group_lag
    except (KafkaError, OSError) as error:
        return {f"broker: {type(error).__name__}": 1}
    finally:
        await consumer.stop()
        await admin.close()
