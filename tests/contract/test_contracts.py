"""Contracts as a product: names, frozen schemas, old examples, both directions."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from shared.contracts.compatibility import find_breaking_changes
from shared.contracts.envelope import Received, UndecodableError, UnknownTypeError, decode
from shared.contracts.generate import FOLDER, broken_contracts, files
from shared.contracts.message import Message, all_messages
from shared.contracts.roster import ParentAdded
from shared.contracts.samples import sample, sample_event, structured
from shared.contracts.schemas import schema_of
from shared.contracts.topics import TOPICS, consumer_groups, topics_of

MESSAGES = all_messages()
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))
every_message = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.contract.type)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@every_message
def test_type_follows_the_naming_rule(message: type[Message]) -> None:
    contract = message.contract
    matched = re.fullmatch(r"([a-z]+)\.([a-z]+)\.([a-z_]+)\.v(\d+)", contract.type)
    assert matched, contract.type
    owner, aggregate, verb, version = matched.groups()
    assert owner == contract.topic.owner
    name = _snake(message.__name__)
    if contract.kind == "command":
        assert contract.topic.name == f"{owner}.commands"
        assert name == f"{verb}_{aggregate}"
    else:
        assert contract.topic.name == f"{owner}.{aggregate}"
        assert name in (verb, f"{aggregate}_{verb}")
        assert {verb.rsplit("_", 1)[-1], verb.partition("_")[0]} & _PARTICIPLES, (
            f"{verb} is not in the past tense"
        )
    assert version == "1"
    assert contract.triggered_by


_PARTICIPLES = {
    "accepted",
    "added",
    "blocked",
    "changed",
    "delivered",
    "expired",
    "failed",
    "issued",
    "opted",
    "linked",
    "refused",
    "registered",
    "removed",
    "renamed",
    "requested",
    "revoked",
    "sent",
    "submitted",
    "unknown",
    "unlinked",
    "up",
    "verified",
    "withdrawn",
}


@every_message
def test_class_is_frozen_and_ignores_fields_of_newer_writers(message: type[Message]) -> None:
    event = structured(sample_event(message))
    event["data"]["a_field_of_tomorrow"] = 1
    decoded = _decode(event)
    assert decoded.data == sample(message)
    with pytest.raises(ValueError, match="frozen"):
        setattr(decoded.data, message.contract.key, "x")


def test_committed_files_are_those_of_the_classes() -> None:
    stale = [path.name for path, text in files().items() if not path.exists() or path.read_text() != text]
    assert not stale, f"run `make contracts`: {stale}"


def test_no_published_schema_is_broken() -> None:
    assert broken_contracts() == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_old_examples_decode_for_ever(path: Any) -> None:
    event = json.loads(path.read_text())
    decoded = _decode(event)
    assert decoded.data.contract.type == path.stem
    assert decoded.aggregate_id == decoded.data.key


@every_message
def test_todays_message_satisfies_the_published_schema(message: type[Message]) -> None:
    published = json.loads((FOLDER / "schemas" / f"{message.contract.type}.json").read_text())
    jsonschema.validate(sample(message).model_dump(mode="json"), published)


@every_message
def test_yesterdays_message_without_optional_fields_is_read_today(message: type[Message]) -> None:
    event = structured(sample_event(message))
    required = schema_of(message).get("required", [])
    event["data"] = {name: value for name, value in event["data"].items() if name in required}
    assert _decode(event).data.key == sample(message).key


@every_message
def test_binary_and_structured_mode_read_alike(message: type[Message]) -> None:
    event = sample_event(message)
    binary = decode(event.data.model_dump_json().encode(), event.attributes.headers())
    assert binary == event
    assert _decode(structured(event)) == event


def test_personal_data_is_redacted_in_repr_and_stands_only_on_marked_topics() -> None:
    for message in MESSAGES:
        shown = repr(sample_event(message))
        assert "Ada Example" not in shown, message
        assert "ada@family.example" not in shown, message
        holds = "ada@family.example" in sample(message).model_dump_json() or "Student" in message.__name__
        if holds and "student" in message.model_fields:
            assert message.contract.topic.personal
        if "ada@family.example" in sample(message).model_dump_json():
            assert message.contract.topic.personal, message


def test_groups_are_named_consumer_on_producer() -> None:
    for group in consumer_groups():
        consumer, separator, producer = group.partition(".on-")
        assert separator, group
        for topic in topics_of(group):
            assert producer in (topic.owner, topic.name.partition(".")[2].replace(".", "-")), (group, topic)
        assert consumer in ("roster", "invitations", "notifier", "signup", "dashboard")
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    with pytest.raises(KeyError):
        topics_of("nobody.on-nothing")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"properties": {}, "required": []}, "removed"),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, "another type"),
        ({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]}, "new and required"),
        ({"properties": {"a": {"type": "string"}}, "required": []}, "between required and optional"),
    ],
)
def test_breaking_changes_are_reported(change: dict[str, Any], sentence: str) -> None:
    old = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert any(sentence in change_ for change_ in find_breaking_changes(old, change))
    assert find_breaking_changes(old, {"properties": {**old["properties"], "b": {}}, "required": ["a"]}) == []  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, [], "no_value"),
        (b"{}", [], "not_a_cloudevent"),
        (b"{", [("content-type", b"application/cloudevents+json")], "not_json"),
        (b"[]", [("content-type", b"application/cloudevents+json")], "not_an_object"),
        (b"x" * 300_000, [], "too_large"),
        (b"{}", [("ce_specversion", b"\xff")], "headers_not_utf8"),
        (b"{}", [("ce_specversion", b"1.0")], "bad_attributes"),
    ],
)
def test_an_unreadable_record_has_a_reason(
    value: bytes | None, headers: list[tuple[str, bytes]], reason: str
) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(value, headers)
    assert caught.value.reason == reason


def test_wrong_data_names_the_field_and_never_its_value() -> None:
    event = structured(sample_event(MESSAGES[0]))
    key = MESSAGES[0].contract.key
    event["data"][key] = "secret-of-a-parent"
    with pytest.raises(UndecodableError) as caught:
        _decode(event)
    assert caught.value.reason == "invalid_data"
    assert key in caught.value.detail
    assert "secret-of-a-parent" not in str(caught.value)


def test_unknown_type_wrong_subject_and_nul_are_refused() -> None:
    event = structured(sample_event(MESSAGES[0]))
    with pytest.raises(UnknownTypeError):
        _decode({**event, "type": "roster.school.painted.v1"})
    with pytest.raises(UndecodableError, match="subject_is_not_the_key"):
        _decode({**event, "subject": "somebody else"})
    with pytest.raises(UndecodableError, match="nul_character"):
        _decode({**event, "data": {**event["data"], "name": "a\x00b"}})
    with pytest.raises(UndecodableError, match="bad_attributes"):
        _decode({**event, "aggregateversion": str(2**70)})


@pytest.mark.parametrize(
    "spoiled",
    [
        {"aggregateversion": float("inf")},
        {"aggregateversion": float("nan")},
        {"time": "0001-01-01T00:00:00+14:00"},
        {"id": "\ud800"},
        {"source": "\udfff"},
        {"actor": "\ud800"},
        {"actor": "a\x00b"},
    ],
)
def test_attributes_that_no_column_can_hold_are_refused(spoiled: dict[str, Any]) -> None:
    with pytest.raises(UndecodableError, match="bad_attributes"):
        _decode({**structured(sample_event(MESSAGES[0])), **spoiled})


@pytest.mark.parametrize("traceparent", [5, {"a": 1}, ["x"], True])
def test_a_traceparent_that_is_no_text_is_none(traceparent: object) -> None:
    event = structured(sample_event(MESSAGES[0]))
    assert _decode({**event, "traceparent": traceparent}).traceparent is None


def test_structured_data_is_read_as_strictly_as_binary() -> None:
    event = structured(sample_event(ParentAdded))
    event["data"]["parent"]["name"] = "\ud800"
    with pytest.raises(UndecodableError, match="invalid_data"):
        _decode(event)


def _decode(event: dict[str, Any]) -> Received[Message]:
    return decode(
        json.dumps(event).encode(), [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    )
