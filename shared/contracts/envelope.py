"""CloudEvents 1.0 on Kafka, as defined by the Kafka protocol binding.

Messages are published in binary mode: attributes in `ce_*` headers, the data as the JSON value of the record, and
`traceparent` as a header of its own. They are read in binary and in structured mode.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.attributes import (
    JSON,
    MAX_VERSION,
    Attributes,
    Headers,
    UndecodableError,
    attributes_from_headers,
    attributes_from_values,
    header_texts,
)
from shared.contracts.message import Message, message_for

__all__ = ["MAX_VERSION", "Attributes", "Headers", "UndecodableError"]

M = TypeVar("M", bound=Message)
STRUCTURED = "application/cloudevents+json"
MAX_VALUE_BYTES = 256 * 1024


class UnknownTypeError(UndecodableError):
    """Well-formed CloudEvent of a type that this version does not know; consumers skip it."""


class Received(NamedTuple, Generic[M]):
    """Decoded message with its attributes, as a consumer's handler gets it."""

    data: M
    attributes: Attributes

    @property
    def id(self) -> str:
        return self.attributes.id

    @property
    def source(self) -> str:
        return self.attributes.source

    @property
    def school_id(self) -> UUID:
        return self.attributes.school_id

    @property
    def aggregate_id(self) -> str:
        return self.attributes.subject

    @property
    def version(self) -> int:
        return self.attributes.version

    @property
    def time(self) -> datetime:
        return self.attributes.time

    @property
    def actor(self) -> str | None:
        return self.attributes.actor

    @property
    def traceparent(self) -> str | None:
        return self.attributes.traceparent


class Envelope(NamedTuple):
    """Record whose attributes are read and whose type is known; its data is not decoded yet."""

    attributes: Attributes
    message: type[Message]
    data: bytes

    def decoded(self) -> Received[Message]:
        """Decode the data. Raises UndecodableError if it is not a valid message of this type."""
        if b"\\u0000" in self.data:
            raise UndecodableError("nul_character")
        try:
            decoded = self.message.model_validate_json(self.data)
        except ValidationError as error:
            fields = sorted(
                {".".join(str(part) for part in item["loc"]) for item in error.errors(include_input=False)}
            )
            raise UndecodableError("invalid_data", ", ".join(fields)[:500]) from None
        if decoded.key != self.attributes.subject:
            raise UndecodableError("subject_is_not_the_key")
        return Received(decoded, self.attributes)


def open_envelope(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Envelope:
    """Read the envelope of a record in either mode.

    Raises UnknownTypeError for a type that this version does not know, and UndecodableError for anything that is not a
    message.
    """
    attributes, data = _parts(value, headers)
    message = message_for(attributes.type)
    if message is None:
        raise UnknownTypeError("unknown_type", attributes.type[:100])
    return Envelope(attributes, message, data)


def decode(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Received[Message]:
    """Decode a whole record in either mode.

    Raises UnknownTypeError for a type that this version does not know, and UndecodableError for anything else that is
    not a valid message; neither contains any of the content of the record.
    """
    return open_envelope(value, headers).decoded()


def attributes_of(headers: Sequence[tuple[str, bytes]]) -> Attributes:
    """Return the attributes of a record in binary mode from its headers. Raises UndecodableError."""
    return _parts(b"", headers)[0]


def identity(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> tuple[str, str] | None:
    """Return (source, id) of a record, or None if they cannot be read, so that a rejected record is remembered too."""
    try:
        attributes, _ = _parts(value, headers)
    except UndecodableError:
        return None
    return attributes.source, attributes.id


def _parts(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> tuple[Attributes, bytes]:
    if value is None:
        raise UndecodableError("no_value")
    if len(value) > MAX_VALUE_BYTES:
        raise UndecodableError("too_large", f"{len(value)} bytes")
    by_name = dict(headers)
    if by_name.get("content-type") == JSON and "ce_specversion" in by_name:
        return attributes_from_headers(by_name), value
    texts = header_texts(headers)
    if texts.get("content-type", "").startswith(STRUCTURED):
        event, data = _event_and_data(value)
        return attributes_from_values(event, texts.get("traceparent")), data
    raw = {name[3:]: text for name, text in texts.items() if name.startswith("ce_")}
    return attributes_from_values(raw, texts.get("traceparent")), value


def _event_and_data(value: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        event = json.loads(value)
        if not isinstance(event, dict):
            raise UndecodableError("not_an_object")
        return event, json.dumps(event.pop("data", None)).encode()
    except (ValueError, RecursionError):
        raise UndecodableError("not_json") from None
