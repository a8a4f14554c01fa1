"""CloudEvents 1.0 on Kafka, as the Kafka protocol binding has it.

Published in binary mode: attributes in `ce_*` headers, the data as the record's JSON value, `traceparent` as a
header of its own. Read in binary and in structured mode.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.message import Message, message_for

M = TypeVar("M", bound=Message)
Headers = list[tuple[str, bytes]]
STRUCTURED = "application/cloudevents+json"
MAX_VALUE_BYTES = 256 * 1024
MAX_VERSION = 2**62


class UndecodableError(Exception):
    """The record is no message that we can read. `reason` is a fixed word; nothing of the record stands in it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class UnknownTypeError(UndecodableError):
    """A well-formed CloudEvent of a type that this version does not know; a consumer passes it by."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """The CloudEvents attributes of a message. `version` is the aggregate's, `time` is UTC."""

    id: str
    source: str
    type: str
    subject: str
    school_id: UUID
    version: int
    time: datetime
    actor: str | None = None
    traceparent: str | None = None

    def headers(self) -> Headers:
        """Kafka headers in binary mode."""
        pairs = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_subject": self.subject,
            "ce_time": self.time.astimezone(UTC).isoformat(),
            "ce_schoolid": str(self.school_id),
            "ce_aggregateversion": str(self.version),
            "content-type": "application/json",
        }
        if self.actor:
            pairs["ce_actor"] = self.actor
        if self.traceparent:
            pairs["traceparent"] = self.traceparent
        return [(name, value.encode()) for name, value in pairs.items()]


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A decoded message with its attributes, as a consumer's handler gets it."""

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


def decode(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Received[Message]:
    """Read a record of either mode.

    Raises `UnknownTypeError` for a type this version does not know and `UndecodableError` for everything that is not a
    valid message; neither carries any of the record's content.
    """
    attributes, data = _parts(value, headers)
    message = message_for(attributes.type)
    if message is None:
        raise UnknownTypeError("unknown_type", attributes.type[:100])
    if b"\\u0000" in (value or b""):
        raise UndecodableError("nul_character")
    try:
        decoded = message.model_validate_json(data)
    except ValidationError as error:
        fields = sorted(
            {".".join(str(part) for part in item["loc"]) for item in error.errors(include_input=False)}
        )
        raise UndecodableError("invalid_data", ", ".join(fields)[:500]) from None
    if decoded.key != attributes.subject:
        raise UndecodableError("subject_is_not_the_key")
    return Received(decoded, attributes)


def attributes_of(headers: Iterable[tuple[str, bytes]]) -> Attributes:
    """The attributes of a record in binary mode, without its data. Raises `UndecodableError`."""
    return _parts(b"", headers)[0]


def identity(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> tuple[str, str] | None:
    """(source, id) of a record, as far as they can be read, so that also a refused one is remembered."""
    try:
        attributes, _ = _parts(value, headers)
    except UndecodableError:
        return None
    return attributes.source, attributes.id


def _parts(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> tuple[Attributes, bytes]:
    if value is None:
        raise UndecodableError("no_value")
    if len(value) > MAX_VALUE_BYTES:
        raise UndecodableError("too_large", f"{len(value)} bytes")
    texts = _texts(headers)
    if texts.get("content-type", "").startswith(STRUCTURED):
        event, data = _event_and_data(value)
        return _attributes(event, texts.get("traceparent")), data
    raw = {name[3:]: text for name, text in texts.items() if name.startswith("ce_")}
    return _attributes(raw, texts.get("traceparent")), value


def _texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    try:
        return {name.lower(): (content or b"").decode() for name, content in headers}
    except UnicodeDecodeError:
        raise UndecodableError("headers_not_utf8") from None


def _event_and_data(value: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        event = json.loads(value)
        if not isinstance(event, dict):
            raise UndecodableError("not_an_object")
        return event, json.dumps(event.pop("data", None)).encode()
    except (ValueError, RecursionError):
        raise UndecodableError("not_json") from None


def _attributes(raw: Mapping[str, Any], traceparent: str | None) -> Attributes:
    if raw.get("specversion") != "1.0":
        raise UndecodableError("not_a_cloudevent")
    try:
        time = datetime.fromisoformat(str(raw["time"]))
        if time.tzinfo is None:
            raise ValueError
        inherited = raw.get("traceparent")
        return Attributes(
            id=_text(raw, "id"),
            source=_text(raw, "source"),
            type=_text(raw, "type"),
            subject=_text(raw, "subject"),
            school_id=UUID(str(raw["schoolid"])),
            version=_version(raw["aggregateversion"]),
            time=time.astimezone(UTC),
            actor=_storable(str(raw["actor"])[:200]) if raw.get("actor") else None,
            traceparent=traceparent or (inherited if isinstance(inherited, str) else None),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        raise UndecodableError("bad_attributes") from None


def _version(raw: str | int) -> int:
    version = int(raw)
    if not 0 <= version <= MAX_VERSION:
        raise ValueError("aggregateversion")
    return version


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw[name]
    if not isinstance(value, str) or not value or len(value) > 300:
        raise ValueError(name)
    return _storable(value)


def _storable(text: str) -> str:
    """The text, if a database can hold it; a lone surrogate raises ValueError as well."""
    if b"\x00" in text.encode():
        raise ValueError("nul")
    return text
