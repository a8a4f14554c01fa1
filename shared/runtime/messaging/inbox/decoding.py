"""Decoding of fetched records, and their order for the handlers."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from typing import NamedTuple, Protocol

from shared.contracts.envelope import Received, UndecodableError, UnknownTypeError, identity, open_envelope
from shared.contracts.message import Message
from shared.runtime.messaging.inbox.dedup import Identity


class Record(Protocol):
    """Kafka record, as far as it is read here."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class DecodedRecord(NamedTuple):
    """Record with its identity, and its message (`received`) or the reason why it is unreadable (`fault`).

    A record with neither is ignored.
    """

    record: Record
    identity: Identity
    received: Received[Message] | None
    fault: UndecodableError | None


def decode_record(record: Record, handled: Container[type[Message]]) -> DecodedRecord:
    """Decode a record. One of an unknown type, or of a type that is not in `handled`, is left undecoded."""
    try:
        envelope = open_envelope(record.value, record.headers)
        received = envelope.decoded() if envelope.message in handled else None
    except UnknownTypeError:
        return DecodedRecord(record, _identity(record), None, None)
    except UndecodableError as fault:
        return DecodedRecord(record, _identity(record), None, fault)
    return DecodedRecord(record, (envelope.attributes.source, envelope.attributes.id), received, None)


def group_preserving_order(
    messages: Sequence[Received[Message]],
) -> list[tuple[type[Message], list[Received[Message]]]]:
    """Group messages by type into as few groups as keep the order of every aggregate.

    A message joins the group of its type in the earliest wave that does not precede its aggregate's last message.
    """
    last_of_aggregate: dict[str, tuple[int, type[Message]]] = {}
    groups: dict[tuple[int, type[Message]], list[Received[Message]]] = {}
    for message in messages:
        kind = type(message.data)
        aggregate_id = message.attributes.subject
        last = last_of_aggregate.get(aggregate_id)
        wave = 0 if last is None else last[0] + (last[1] is not kind)
        last_of_aggregate[aggregate_id] = (wave, kind)
        groups.setdefault((wave, kind), []).append(message)
    ordered = sorted(groups, key=lambda group: group[0])
    return [(kind, groups[wave, kind]) for wave, kind in ordered]


def _identity(record: Record) -> Identity:
    """Return source and id of the message, or a substitute from the record's position and content."""
    from_message = identity(record.value, record.headers)
    if from_message is not None:
        return from_message
    digest = hashlib.sha256(record.value or b"").hexdigest()[:16]
    return f"/kafka/{record.topic}", f"{record.partition}/{record.offset}/{digest}"
