"""CloudEvents attributes of a message, and how they are read from the headers of a record.

The records of a batch have most values in common: one source, one school, one time. Parsed values are kept in caches of
fixed size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.bounds import EARLIEST, LATEST, MAX_TRACEPARENT

Headers = list[tuple[str, bytes]]
MAX_VERSION = 2**62
MAX_TEXT = 300
MAX_ACTOR = 200
JSON = b"application/json"


class UndecodableError(Exception):
    """Record that is not a readable message. `reason` is a fixed word and contains nothing of the record."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Attributes(NamedTuple):
    """CloudEvents attributes of a message. `version` is the aggregate's; `time` is UTC."""

    id: str
    source: str
    type: str
    subject: str
    school_id: UUID
    version: int
    time: datetime
    actor: str | None = None
    traceparent: str | None = None

    def texts(self) -> dict[str, str]:
        """Return the Kafka headers of binary mode by name."""
        texts = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_subject": self.subject,
            "ce_time": _format_time(self.time),
            "ce_schoolid": str(self.school_id),
            "ce_aggregateversion": str(self.version),
            "content-type": "application/json",
        }
        if self.actor:
            texts["ce_actor"] = self.actor
        if self.traceparent:
            texts["traceparent"] = self.traceparent
        return texts

    def headers(self) -> Headers:
        """Return the Kafka headers of binary mode."""
        return [(name, text.encode()) for name, text in self.texts().items()]


def attributes_from_headers(headers: Mapping[str, bytes]) -> Attributes:
    """Read the attributes of a record in binary mode whose header names are spelled as ours.

    Raises UndecodableError.
    """
    try:
        if headers["ce_specversion"] != b"1.0":
            raise UndecodableError("not_a_cloudevent")
        actor = headers.get("ce_actor")
        traceparent = headers.get("traceparent")
        return Attributes(
            _decode_text(headers["ce_id"]),
            _cached_text(headers["ce_source"]),
            _cached_text(headers["ce_type"]),
            _decode_text(headers["ce_subject"]),
            _parse_school(headers["ce_schoolid"]),
            _parse_version(headers["ce_aggregateversion"]),
            _parse_time(headers["ce_time"]),
            _parse_actor(actor) if actor else None,
            _parse_traceparent(traceparent) if traceparent else None,
        )
    except UnicodeDecodeError:
        raise UndecodableError("headers_not_utf8") from None
    except (KeyError, ValueError, TypeError, OverflowError, AttributeError):
        raise UndecodableError("bad_attributes") from None


def attributes_from_values(raw: Mapping[str, Any], traceparent: str | None) -> Attributes:
    """Read attributes by their own names, of a structured record or of headers in another case.

    Raises UndecodableError.
    """
    if raw.get("specversion") != "1.0":
        raise UndecodableError("not_a_cloudevent")
    try:
        inherited = raw.get("traceparent")
        return Attributes(
            id=_text(raw["id"]),
            source=_text(raw["source"]),
            type=_text(raw["type"]),
            subject=_text(raw["subject"]),
            school_id=UUID(str(raw["schoolid"])),
            version=_parse_version(raw["aggregateversion"]),
            time=_utc(str(raw["time"])),
            actor=_storable(str(raw["actor"])[:MAX_ACTOR]) if raw.get("actor") else None,
            traceparent=_usable_traceparent(traceparent or inherited),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        raise UndecodableError("bad_attributes") from None


def header_texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return header values by lower-case name, decoded. Raises UndecodableError."""
    try:
        return {name.lower(): (content or b"").decode() for name, content in headers}
    except UnicodeDecodeError:
        raise UndecodableError("headers_not_utf8") from None


def _parse_version(raw: str | bytes | int) -> int:
    version = int(raw)
    if not 0 <= version <= MAX_VERSION:
        raise ValueError("aggregateversion")
    return version


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_TEXT:
        raise ValueError("text")
    return _storable(value)


def _storable(text: str) -> str:
    """Return the text. Raises ValueError if a database cannot store it, also for a lone surrogate."""
    if b"\x00" in text.encode():
        raise ValueError("nul")
    return text


def _utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or not EARLIEST <= time <= LATEST:
        raise ValueError("time")
    return time.astimezone(UTC)


@lru_cache(maxsize=256)
def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _decode_text(raw: bytes) -> str:
    text = raw.decode()
    if not 0 < len(text) <= MAX_TEXT or b"\x00" in raw:
        raise ValueError("text")
    return text


_cached_text = lru_cache(maxsize=256)(_decode_text)


@lru_cache(maxsize=256)
def _parse_actor(raw: bytes) -> str:
    return _storable(raw.decode()[:MAX_ACTOR])


def _parse_traceparent(raw: bytes) -> str | None:
    return _usable_traceparent(raw.decode())


def _usable_traceparent(value: Any) -> str | None:
    """Return the trace context, or None for one that cannot be one: it is ignored, as the standard demands."""
    usable = (
        isinstance(value, str)
        and 0 < len(value) <= MAX_TRACEPARENT
        and value.isascii()
        and value.isprintable()
    )
    return value if usable else None


@lru_cache(maxsize=4096)
def _parse_school(raw: bytes) -> UUID:
    return UUID(raw.decode())


@lru_cache(maxsize=256)
def _parse_time(raw: bytes) -> datetime:
    return _utc(raw.decode())
