"""Live updates: subscriptions merge changes, and notifications reach the subscriptions of their school."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from services.dashboard.domain.live_changes import Changes, ParentStatus
from services.dashboard.http.stream import encode_event
from services.dashboard.use_cases.live_updates import (
    EVERYTHING,
    LiveUpdateSubscription,
    LiveUpdateSubscriptions,
    TooManySubscriptions,
)

SCHOOL, PARENT = uuid4(), uuid4()
SIGNED_UP = Changes({PARENT: ParentStatus("signed_up", None)})
NOW_SECONDS = 0.001


def _notification(school_id: UUID) -> str:
    return json.dumps({"school_id": str(school_id), "parents": [[str(PARENT), "signed_up", None]]})


async def test_the_first_call_returns_everything_and_later_ones_what_changed_since() -> None:
    subscription = LiveUpdateSubscription()
    assert await subscription.wait(NOW_SECONDS) == (EVERYTHING, False)
    assert await subscription.wait(NOW_SECONDS) == (Changes(), False)
    subscription.add(SIGNED_UP)
    subscription.require_permission_check()
    assert await subscription.wait(NOW_SECONDS) == (SIGNED_UP, True)
    assert await subscription.wait(NOW_SECONDS) == (Changes(), False)


async def test_a_notification_reaches_the_subscriptions_of_its_school_only() -> None:
    subscriptions = LiveUpdateSubscriptions(2)
    with subscriptions.subscribe(SCHOOL, "a") as own, subscriptions.subscribe(uuid4(), "b") as other:
        for subscription in (own, other):
            await subscription.wait(NOW_SECONDS)
        subscriptions.handle_notification(_notification(SCHOOL))
        subscriptions.handle_notification(_notification(uuid4()))
        assert await own.wait(NOW_SECONDS) == (SIGNED_UP, False)
        assert await other.wait(NOW_SECONDS) == (Changes(), False)


async def test_an_empty_notification_makes_every_page_check_its_permission() -> None:
    subscriptions = LiveUpdateSubscriptions(2)
    with subscriptions.subscribe(SCHOOL, "a") as subscription:
        await subscription.wait(NOW_SECONDS)
        subscriptions.handle_notification("{}")
        assert await subscription.wait(NOW_SECONDS) == (Changes(), True)


async def test_after_a_reconnect_everything_counts_as_changed() -> None:
    subscriptions = LiveUpdateSubscriptions(2)
    with subscriptions.subscribe(SCHOOL, "a") as subscription:
        await subscription.wait(NOW_SECONDS)
        subscriptions.handle_reconnect()
        assert await subscription.wait(NOW_SECONDS) == (EVERYTHING, True)


def test_a_holder_has_a_limited_number_of_subscriptions() -> None:
    subscriptions = LiveUpdateSubscriptions(1)
    with subscriptions.subscribe(SCHOOL, "a"):
        with pytest.raises(TooManySubscriptions), subscriptions.subscribe(SCHOOL, "a"):
            pass
        with subscriptions.subscribe(SCHOOL, "b"):
            assert len(subscriptions) == 2
    assert len(subscriptions) == 0
    with subscriptions.subscribe(SCHOOL, "a"):
        assert len(subscriptions) == 1


def test_changes_are_encoded_as_server_sent_events() -> None:
    assert encode_event(EVERYTHING) == b"event: reload\ndata: {}\n\n"
    assert encode_event(Changes()) == b": still here\n\n"
    lines = encode_event(SIGNED_UP).decode().split("\n")
    assert lines[0] == "event: parents"
    row = {"parent_id": str(PARENT), "status": "signed_up", "delivery": None}
    assert json.loads(lines[1].removeprefix("data: ")) == {"parents": [row]}
