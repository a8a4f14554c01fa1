"""Emitting: one INSERT through the caller's transaction. Only the relay knows the broker.

One statement is one run: its messages have ids in a row, so that one narrow row (`outbox_runs`) says of all of them
that they wait, and one deletion that they left. Between the first ids of two runs there is room for a whole one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text
from uuid_utils import uuid7

from shared.contracts.envelope import MAX_VALUE_BYTES, Attributes
from shared.contracts.message import Message
from shared.contracts.topics import NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK
from shared.runtime.database import Transaction, channel_of
from shared.runtime.tracing import current_traceparent

RUN = 1_000
"""Messages of one run at most; the sequence of ids goes on by 1,024 for each (`schema_runs.count_runs`)."""
_INSERT = """
WITH begun AS MATERIALIZED (
    SELECT nextval('outbox_id_seq') AS id, CASE WHEN :hint <> '' THEN pg_notify(:channel, :hint) END
), noted AS (
    INSERT INTO outbox_runs (lane, first_id, last_id) SELECT :lane, id + 1, id + :count FROM begun
)
INSERT INTO outbox (id, message_id, topic, key, lane, headers, data) OVERRIDING SYSTEM VALUE
SELECT begun.id + row.position, row.message_id, row.topic, row.key, :lane, row.headers, row.data
  FROM begun, unnest(CAST(string_to_array(:ids, chr(31)) AS uuid[]), string_to_array(:topics, chr(31)),
                     string_to_array(:keys, chr(31)), string_to_array(:headers, chr(31)),
                     string_to_array(:data, chr(31)))
         WITH ORDINALITY AS row (message_id, topic, key, headers, data, position)
"""
# Between the values of a column, which travels as one text: the driver spends 0.5 us on each element of an array.
# JSON has no control characters in it, nor have ids.
_BETWEEN = chr(31)
_STATEMENT = text(_INSERT)
# By the index of the runs: none is longer than what lies between two of them.
IS_PENDING = """EXISTS (
    SELECT FROM outbox_runs AS run
     WHERE run.lane = outbox.lane AND run.first_id BETWEEN outbox.id - 1024 AND outbox.id AND run.last_id >= outbox.id)
"""
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
    for first in range(0, len(messages), RUN):
        await _emit_run(transaction, messages[first : first + RUN], lane)


async def _emit_run(transaction: Transaction, messages: Sequence[Outgoing], lane: Lane) -> None:
    ids, topics, keys, headers, data = [], [], [], [], []
    envelopes = _Envelopes(transaction)
    for message in messages:
        message_id, key = str(uuid7()), message.data.key
        ids.append(message_id)
        topics.append(_topic(message.data, lane))
        keys.append(key)
        headers.append(envelopes.headers(message, message_id, key))
        data.append(_encoded(message.data))
    lists = {"ids": ids, "topics": topics, "keys": keys, "headers": headers, "data": data}
    columns = {name: _BETWEEN.join(values) for name, values in lists.items()}
    if columns["keys"].count(_BETWEEN) >= len(keys):
        raise ValueError("a message's key has a control character")
    hint = {"channel": channel_of(transaction.schema), "hint": transaction.hint(lane)}
    await transaction.execute(_STATEMENT, {"lane": lane.value, "count": len(messages), **hint, **columns})
    transaction.emitted[lane.value] = transaction.emitted.get(lane.value, 0) + len(messages)


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


class _Envelopes:
    """Headers as JSON. What the messages of a run have in common, all but three of them, is encoded once."""

    def __init__(self, transaction: Transaction) -> None:
        self._source = source_of(transaction.schema)
        self._time = transaction.now
        self._traceparent = current_traceparent()
        self._common: dict[tuple[object, ...], str] = {}

    def headers(self, message: Outgoing, message_id: str, key: str) -> str:
        """Of a message with this id and key."""
        kind = (type(message.data), message.school_id, message.actor, message.traceparent)
        common = self._common.get(kind)
        if common is None:
            common = self._common[kind] = self._encoded(message)
        subject = to_json(key).decode()
        return f'{{"ce_id":"{message_id}","ce_subject":{subject},"ce_aggregateversion":"{message.version}",{common}'

    def _encoded(self, message: Outgoing) -> str:
        """The end of an object, with the headers that do not differ."""
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
        own = ("ce_id", "ce_subject", "ce_aggregateversion")
        return (
            to_json({k: v for k, v in attributes.texts().items() if k not in own}).decode().removeprefix("{")
        )
