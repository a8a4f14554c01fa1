"""Extreme values in every field of every contract: refused, or decoded to what every consumer can work on."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import singledispatch
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from shared.contracts.envelope import Received, UndecodableError, decode
from shared.contracts.message import Message, all_messages
from shared.contracts.quiet_hours import QuietHours, zone_of
from shared.contracts.samples import sample_event, structured
from shared.runtime.observability.tracing import traced

MAX_TEXT_LENGTH = 4_000
MAX_ITEMS = 7_000
INTEGER_MAX = 2**31 - 1
ZONES = ("Pacific/Kiritimati", "Etc/GMT+12", "UTC")
EXTREMES = (
    '"0001-01-01T00:00:00Z"',
    '"0001-01-01T00:00:00+14:00"',
    '"9999-12-31T23:59:59Z"',
    '"9999-12-31T23:59:59-14:00"',
    '"2026-09-01T00:00:00"',
    '"2026-09-01"',
    '"20:00:00+05:00"',
    '"20:00:00Z"',
    '"00:00:00"',
    '"' + "x" * 10_000 + '"',
    '""',
    r'"a\u0000b"',
    r'"\ud800"',
    r'"\udc00\ud800"',
    '"../../etc/passwd"',
    '"' + "9" * 5_000 + '"',
    "9" * 5_000,
    str(2**31),
    str(2**63),
    str(-(2**63)),
    "0",
    "-1",
    "1e308",
    "1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "{}",
    "[]",
    "[" * 500 + "]" * 500,
    "[" * 2_000 + "]" * 2_000,
    '{"a":' * 500 + "1" + "}" * 500,
    "[" + ",".join(["1"] * 8_000) + "]",
)
ATTRIBUTES = (
    "id",
    "source",
    "type",
    "subject",
    "schoolid",
    "aggregateversion",
    "time",
    "actor",
    "traceparent",
)
_HOLE = "01990f5e-0000-7000-8000-00000000dead"

every_message = pytest.mark.parametrize("message", all_messages(), ids=lambda message: message.contract.type)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def _with_hole(data: Any, path: tuple[Any, ...]) -> str:
    """Return the JSON with a hole at the path, into which any text can be put, also what no encoder writes."""
    changed = copy.deepcopy(data)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = _HOLE
    return json.dumps(changed)


@singledispatch
def _assert_workable(value: Any) -> None:
    """Do with a value what consumers do: compute, compare, convert, encode for the database."""
    assert value is None or isinstance(value, bool | UUID)


@_assert_workable.register
def _(value: BaseModel) -> None:
    for name in type(value).model_fields:
        _assert_workable(getattr(value, name))


@_assert_workable.register
def _(value: tuple) -> None:  # type: ignore[type-arg]
    assert len(value) <= MAX_ITEMS
    for item in value:
        _assert_workable(item)


@_assert_workable.register
def _(value: datetime) -> None:
    assert value.utcoffset() is not None
    for days in (-3_660, 3_660):
        for zone in ZONES:
            (value + timedelta(days=days)).astimezone(ZoneInfo(zone)).isoformat()


@_assert_workable.register
def _(value: time) -> None:
    assert value.tzinfo is None
    hours = QuietHours(value, time(8))
    moment = datetime(2026, 9, 1, tzinfo=UTC)
    for zone in ZONES:
        hours.end_after(moment, zone)
        hours.next_begin(moment, zone)


@_assert_workable.register
def _(value: str) -> None:
    assert len(value) <= MAX_TEXT_LENGTH
    assert b"\x00" not in value.encode()
    zone_of(value)


@_assert_workable.register
def _(value: int) -> None:
    assert 0 <= value <= INTEGER_MAX


def _assert_envelope_workable(received: Received[Message]) -> None:
    attributes = received.attributes
    for text in attributes.texts().values():
        assert len(text) <= 300
        assert "\x00" not in text
        text.encode()
    assert 0 <= attributes.version < 2**63 - 1
    _assert_workable(attributes.time)
    with traced(attributes.traceparent):
        pass


@every_message
@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_an_extreme_value_in_any_field_is_refused_or_workable(message: type[Message], mode: str) -> None:
    event = sample_event(message)
    whole = structured(event)
    headers = event.attributes.headers()
    for path in _places(whole["data"]):
        template = _with_hole(whole["data"], path).replace(f'"{_HOLE}"', "%s")
        for extreme in EXTREMES:
            data = template.replace("%s", extreme)
            if mode == "structured":
                rest = json.dumps({name: value for name, value in whole.items() if name != "data"})
                record = f'{rest[:-1]}, "data": {data}}}'
                headers = [("content-type", b"application/cloudevents+json")]
            else:
                record = data
            try:
                received = decode(record.encode(), headers)
            except UndecodableError as refused:
                assert len(refused.detail) <= 500  # noqa: PT017 - both outcomes are right
            else:
                _assert_workable(received.data)
                assert received.data.key == received.attributes.subject


@every_message
def test_an_extreme_attribute_is_refused_or_workable(message: type[Message]) -> None:
    whole = structured(sample_event(message))
    for name in ATTRIBUTES:
        template = json.dumps({**whole, name: _HOLE}).replace(f'"{_HOLE}"', "%s")
        for extreme in EXTREMES:
            record = template.replace("%s", extreme).encode()
            try:
                received = decode(record, [("content-type", b"application/cloudevents+json")])
            except UndecodableError:
                continue
            _assert_envelope_workable(received)


@every_message
def test_an_extreme_header_is_refused_or_workable(message: type[Message]) -> None:
    event = sample_event(message)
    data = event.data.model_dump_json().encode()
    names = {**{f"ce_{name}": name for name in ATTRIBUTES if name != "traceparent"}, "traceparent": ""}
    for name in names:
        for extreme in (
            *(text.strip('"').encode() for text in EXTREMES),
            b"\x00",
            b"\xff",
            b"\xed\xa0\x80",
            None,
        ):
            headers = [(other, value) for other, value in event.attributes.headers() if other != name]
            try:
                received = decode(data, [*headers, (name, extreme)])  # type: ignore[list-item]
            except UndecodableError:
                continue
            _assert_envelope_workable(received)


@every_message
def test_lists_and_texts_have_a_bound_in_the_published_schema(message: type[Message]) -> None:
    unbounded: list[str] = []

    def walk(schema: Any, path: str) -> None:
        if schema.get("type") == "string" and not {"format", "enum", "const", "maxLength"} & schema.keys():
            unbounded.append(path)
        if schema.get("type") == "array" and "maxItems" not in schema:
            unbounded.append(path)
        if schema.get("type") == "integer" and not {"minimum", "maximum"} <= schema.keys():
            unbounded.append(path)
        for name, inner in schema.get("properties", {}).items():
            walk(inner, f"{path}.{name}")
        for inner in schema.get("anyOf", ()):
            walk(inner, path)
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    walk(message.model_json_schema(), "$")
    for name, definition in message.model_json_schema().get("$defs", {}).items():
        walk(definition, name)
    assert unbounded == []
