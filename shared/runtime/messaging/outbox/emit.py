"""Emitting: one INSERT through the caller's transaction. Only the relay knows the broker.

The messages of one statement form a run: their ids follow on each other, so that one narrow row in `outbox_runs` marks
all of them as pending, and one deletion marks them as sent. The first ids of two runs are a whole run apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text
from uuid_utils import uuid7

from shared.contracts.envelope import MAX_VALUE_BYTES, Attributes
from shared.contracts.message import Message
from shared.contracts.topics import NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK
from shared.runtime.database.transaction import Transaction
from shared.runtime.messaging.outbox.wakeups import outbox_channel, wakeups_of
from shared.runtime.observability.tracing import current_traceparent

MAX_MESSAGES_PER_RUN = 1_000
"""Each run advances the sequence of ids by 1,024 (`shared.runtime.migrations.runtime_tables`)."""
_INSERT = """
WITH run AS MATERIALIZED (
    SELECT nextval('outbox_id_seq') AS id, CASE WHEN :payload <> '' THEN pg_notify(:channel, :payload) END
), pending AS (
    INSERT INTO outbox_runs (lane, first_id, last_id) SELECT :lane, id + 1, id + :count FROM run
)
INSERT INTO outbox (id, message_id, topic, key, lane, headers, data) OVERRIDING SYSTEM VALUE
SELECT run.id + row.position, row.message_id, row.topic, row.key, :lane, row.headers, row.data
  FROM run, unnest(CAST(string_to_array(:ids, chr(31)) AS uuid[]), string_to_array(:topics, chr(31)),
                     string_to_array(:keys, chr(31)), string_to_array(:headers, chr(31)),
                     string_to_array(:data, chr(31)))
         WITH ORDINALITY AS row (message_id, topic, key, headers, data, position)
"""
# Separates the values of a column, which travels as one text: the driver spends 0.5 us on each element of an array.
# Neither JSON nor ids contain control characters.
_SEPARATOR = chr(31)
_STATEMENT = text(_INSERT)
# Found by the index of the runs: none is longer than the distance between two of them.
IS_PENDING = """EXISTS (
    SELECT FROM outbox_runs AS run
     WHERE run.lane = outbox.lane AND run.first_id BETWEEN outbox.id - 1024 AND outbox.id AND run.last_id >= outbox.id)
"""
_MAX_UTF8_BYTES = 4


class Lane(StrEnum):
    """Priority lane of the outbox. Single commands overtake a bulk run of thousands."""

    SINGLE = "single"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """Message to emit. `version` is the aggregate's after the change; `actor` names the staff member who acted."""

    data: Message
    school_id: UUID
    version: int
    actor: str | None = None
    traceparent: str | None = None


def source_name(schema: str) -> str:
    """Return the CloudEvents source of a service's messages."""
    return f"/kinvite/{schema}"


async def emit(tx: Transaction, *messages: OutboxMessage, lane: Lane = Lane.SINGLE) -> None:
    """Write messages to the outbox, in this order; they are published after the transaction commits.

    Call it after the aggregate's row is locked, because ids determine the order on the topic. Raises ValueError for a
    message that is too large to be read.
    """
    for first in range(0, len(messages), MAX_MESSAGES_PER_RUN):
        await _emit_run(tx, messages[first : first + MAX_MESSAGES_PER_RUN], lane)


async def _emit_run(tx: Transaction, messages: Sequence[OutboxMessage], lane: Lane) -> None:
    ids, topics, keys, headers, data = [], [], [], [], []
    encoder = HeaderEncoder(tx)
    for message in messages:
        message_id, key = str(uuid7()), message.data.key
        ids.append(message_id)
        topics.append(_topic_name(message.data, lane))
        keys.append(key)
        headers.append(encoder.encode(message, message_id, key))
        data.append(_encode_data(message.data))
    lists = {"ids": ids, "topics": topics, "keys": keys, "headers": headers, "data": data}
    columns = {name: _SEPARATOR.join(values) for name, values in lists.items()}
    if columns["keys"].count(_SEPARATOR) >= len(keys):
        raise ValueError("a message's key has a control character")
    wakeups = wakeups_of(tx.database)
    notification = {
        "channel": outbox_channel(tx.schema),
        "payload": wakeups.notification_payload(lane.value),
    }
    await tx.execute(_STATEMENT, {"lane": lane.value, "count": len(messages), **notification, **columns})
    tx.call_after_commit(partial(wakeups.wake_relays, lane.value, len(messages)))


def _encode_data(message: Message) -> str:
    """Return the message as JSON. Raises ValueError for one that every reader would park."""
    encoded = message.model_dump_json()
    if len(encoded) * _MAX_UTF8_BYTES > MAX_VALUE_BYTES and len(encoded.encode()) > MAX_VALUE_BYTES:
        raise ValueError(f"{type(message).__name__} has more than {MAX_VALUE_BYTES} bytes")
    return encoded


def _topic_name(message: Message, lane: Lane) -> str:
    topic = message.contract.topic
    if lane is Lane.BULK and topic is NOTIFIER_COMMANDS:
        topic = NOTIFIER_COMMANDS_BULK
    return topic.name


class HeaderEncoder:
    """Encoder of record headers as JSON. Headers that the messages of a run have in common are encoded once."""

    def __init__(self, tx: Transaction) -> None:
        self._source = source_name(tx.schema)
        self._time = tx.now
        self._traceparent = current_traceparent()
        self._common: dict[tuple[object, ...], str] = {}

    def encode(self, message: OutboxMessage, message_id: str, key: str) -> str:
        """Return the headers of a message as a JSON object."""
        kind = (type(message.data), message.school_id, message.actor, message.traceparent)
        common = self._common.get(kind)
        if common is None:
            common = self._common[kind] = self._encode_common(message)
        subject = to_json(key).decode()
        return f'{{"ce_id":"{message_id}","ce_subject":{subject},"ce_aggregateversion":"{message.version}",{common}'

    def _encode_common(self, message: OutboxMessage) -> str:
        """Return the end of the JSON object: all headers but id, subject and version."""
        attributes = Attributes(
            id="",
            source=self._source,
            type=message.data.contract.type,
            subject="",
            school_id=message.school_id,
            version=0,
            time=self._time,
            actor=message.actor,
            traceparent=message.traceparent or self._traceparent,
        )
        individual = ("ce_id", "ce_subject", "ce_aggregateversion")
        common = {name: value for name, value in attributes.texts().items() if name not in individual}
        return to_json(common).decode().removeprefix("{")
