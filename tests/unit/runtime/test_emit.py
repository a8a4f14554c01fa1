"""Headers as they are written beside a message: those of its attributes, put together from parts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Attributes
from shared.contracts.roster import ParentAdded, ParentDetails
from shared.runtime.messaging import OutboxMessage
from shared.runtime.messaging.outbox.emit import HeaderEncoder

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


@given(
    st.lists(
        st.tuples(st.uuids(), _TEXTS, st.integers(0, 2**62), st.none() | _TEXTS, st.none() | _TEXTS),
        min_size=1,
        max_size=5,
    )
)
def test_they_are_those_of_the_attributes(kinds: list[tuple[UUID, str, int, str | None, str | None]]) -> None:
    transaction: Any = SimpleNamespace(schema="roster", now=_MOMENT)
    encoder = HeaderEncoder(transaction)
    data = ParentAdded(parent_id=uuid4(), parent=ParentDetails(name="Ada"))
    for school_id, key, version, actor, traceparent in kinds:
        message_id = str(uuid4())
        written = encoder.encode(OutboxMessage(data, school_id, version, actor, traceparent), message_id, key)
        expected = Attributes(
            message_id,
            "/kinvite/roster",
            data.contract.type,
            key,
            school_id,
            version,
            _MOMENT,
            actor,
            traceparent or None,
        )
        assert json.loads(written) == expected.texts()
