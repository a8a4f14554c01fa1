"""Emitting: one INSERT through the caller's transaction. Only the relay knows the broker."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text

from shared.contracts.envelope import MAX_VALUE_BYTES, Attributes
from shared.contracts.message import Message
from shared.contracts.topics import NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK
from shared.runtime.database import Transaction
from shared.runtime.ids import new_id
from shared.runtime.tracing import current_traceparent

_INSERT = text(
    """
    INSERT INTO outbox (message_id, topic, key, lane, headers, data)
    SELECT message_id, topic, key, :lane, headers, data
      FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:keys AS text[]),
                  CAST(:headers AS text[]), CAST(:data AS text[]))
           WITH ORDINALITY AS row (message_id, topic, key, headers, data, position)
     ORDER BY position
    """
)
UTF8_BYTES = 4


class Lane(StrEnum):
    """Two queues, so that one person's click overtakes a run of thousands."""

    SINGLE = "single"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way into the outbox. `version` is the aggregate's after the change; `actor` the staff member."""

    data: Message
    school_id: UUID
    version: int
    actor: str | None = None
    traceparent: str | None = None


def source_of(schema: str) -> str:
    """The CloudEvents source of a service's messages."""
    return f"/kinvite/{schema}"


async def emit(transaction: Transaction, *messages: Outgoing, lane: Lane = Lane.SINGLE) -> None:
    """Write the messages to the outbox, in this order; they leave when the transaction commits.

    Call it after the aggregate's row is locked: ids give the order on the topic.
    """
    if not messages:
        return
    ids, topics, keys, headers, data = [], [], [], [], []
    for message in messages:
        message_id, key = new_id(), message.data.key
        ids.append(message_id)
        topics.append(_topic(message.data, lane))
        keys.append(key)
        headers.append(_headers(message, message_id, key, transaction))
        data.append(_encoded(message.data))
    await transaction.execute(
        _INSERT,
        {"lane": lane.value, "ids": ids, "topics": topics, "keys": keys, "headers": headers, "data": data},
    )
    transaction.emitted.add(lane.value)


def _encoded(message: Message) -> str:
    text = message.model_dump_json()
    if len(text) * UTF8_BYTES > MAX_VALUE_BYTES and len(text.encode()) > MAX_VALUE_BYTES:
        # Every reader would park it, and the relay behind it would stand still.
        raise ValueError(f"{type(message).__name__} has more than {MAX_VALUE_BYTES} bytes")
    return text


def _topic(message: Message, lane: Lane) -> str:
    topic = message.contract.topic
    if lane is Lane.BULK and topic is NOTIFIER_COMMANDS:
        topic = NOTIFIER_COMMANDS_BULK
    return topic.name


def _headers(message: Outgoing, message_id: UUID, key: str, transaction: Transaction) -> str:
    attributes = Attributes(
        id=str(message_id),
        source=source_of(transaction.schema),
        type=message.data.contract.type,
        subject=key,
        school_id=message.school_id,
        version=message.version,
        time=transaction.now,
        actor=message.actor,
        traceparent=message.traceparent or current_traceparent(),
    )
    return to_json(attributes.texts()).decode()
