"""How a fetched batch is laid out for the handlers."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.roster import ParentAdded, ParentDetails, ParentRemoved, ParentRenamed
from shared.contracts.samples import sample_event, structured
from shared.runtime.messaging import group_preserving_order
from shared.runtime.messaging.inbox.decoding import decode_record

KINDS = (ParentAdded, ParentRenamed, ParentRemoved)


@dataclass(frozen=True)
class FakeRecord:
    """A record as the broker hands it over."""

    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    topic: str = "roster.parent"
    partition: int = 1
    offset: int = 7
    key: bytes | None = None


def _received(parent: int, kind: type[Message], position: int) -> Received[Message]:
    parent_id = UUID(int=parent)
    data = kind.model_validate({"parent_id": parent_id, "parent": ParentDetails(name="x")})
    attributes = sample_event(kind).attributes._replace(
        subject=str(parent_id), version=position, id=str(position)
    )
    return Received(data, attributes)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(KINDS)), max_size=40))
def test_waves_keep_each_aggregates_order_and_lose_nothing(story: list[tuple[int, type[Message]]]) -> None:
    messages = [_received(parent, kind, position) for position, (parent, kind) in enumerate(story)]
    laid_out = [message for _, run in group_preserving_order(messages) for message in run]
    assert sorted(m.version for m in laid_out) == list(range(len(messages)))
    per_parent = defaultdict(list)
    for message in laid_out:
        per_parent[message.aggregate_id].append(message.version)
    for versions in per_parent.values():
        assert versions == sorted(versions)
    for kind, run in group_preserving_order(messages):
        assert {type(message.data) for message in run} == {kind}


def test_a_batch_of_one_type_is_one_run() -> None:
    assert len(group_preserving_order([_received(n, ParentAdded, n) for n in range(500)])) == 1


def test_decoding_distinguishes_wanted_ignored_and_faulty_records() -> None:
    event = sample_event(ParentAdded)
    record = FakeRecord(event.data.model_dump_json().encode(), tuple(event.attributes.headers()))
    wanted = decode_record(record, [ParentAdded])
    assert wanted.received == event
    assert wanted.identity == (event.source, event.id)
    ignored = decode_record(record, [ParentRemoved])
    assert ignored.received is None
    assert ignored.fault is None
    assert ignored.identity == (event.source, event.id)
    unknown = json.dumps({**structured(event), "type": "roster.parent.painted.v1"}).encode()
    passed = decode_record(
        FakeRecord(unknown, (("content-type", b"application/cloudevents+json"),)), [ParentAdded]
    )
    assert passed.received is None
    assert passed.fault is None


def test_unreadable_records_are_identified_by_position_and_content() -> None:
    first = decode_record(FakeRecord(b"rubbish"), [ParentAdded])
    again = decode_record(FakeRecord(b"rubbish"), [ParentAdded])
    other = decode_record(FakeRecord(b"other rubbish"), [ParentAdded])
    assert first.fault is not None
    assert first.identity == again.identity
    assert first.identity != other.identity
    assert decode_record(FakeRecord(None), [ParentAdded]).fault is not None
