"""A fetched batch, decoded and laid out for the handlers."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from typing import NamedTuple, Protocol

from shared.contracts.envelope import Received, UndecodableError, UnknownTypeError, identity, opened
from shared.contracts.message import Message
from shared.runtime.inbox import Identity


class Record(Protocol):
    """A Kafka record, as far as we read it."""

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


class Entry(NamedTuple):
    """One record: what identifies it, and the message, or why it cannot be read (`fault`), or neither: ignored."""

    record: Record
    identity: Identity
    received: Received[Message] | None
    fault: UndecodableError | None


def read(record: Record, known: Container[type[Message]]) -> Entry:
    """Decode a record. One that the consumer has no handler for, or that nobody here knows, is passed by unread."""
    try:
        envelope = opened(record.value, record.headers)
        received = envelope.decoded() if envelope.message in known else None
    except UnknownTypeError:
        return Entry(record, _identity(record), None, None)
    except UndecodableError as fault:
        return Entry(record, _identity(record), None, fault)
    return Entry(record, (envelope.attributes.source, envelope.attributes.id), received, None)


def waves(messages: Sequence[Received[Message]]) -> list[tuple[type[Message], list[Received[Message]]]]:
    """Lay messages out in runs of one type, as few as keep every aggregate's own order.

    A message goes into the run of its type in the earliest wave that is not before the aggregate's previous message.
    """
    wave_of: dict[str, tuple[int, type[Message]]] = {}
    runs: dict[tuple[int, type[Message]], list[Received[Message]]] = {}
    for message in messages:
        kind = type(message.data)
        aggregate_id = message.attributes.subject
        last = wave_of.get(aggregate_id)
        wave = 0 if last is None else last[0] + (last[1] is not kind)
        wave_of[aggregate_id] = (wave, kind)
        runs.setdefault((wave, kind), []).append(message)
    ordered = sorted(runs, key=lambda run: run[0])
    return [(kind, runs[(wave, kind)]) for wave, kind in ordered]


def _identity(record: Record) -> Identity:
    known = identity(record.value, record.headers)
    if known is not None:
        return known
    digest = hashlib.sha256(record.value or b"").hexdigest()[:16]
    return f"/kafka/{record.topic}", f"{record.partition}/{record.offset}/{digest}"
