"""Changes for open pages: merging and parsing."""

from __future__ import annotations

from uuid import uuid4

from services.dashboard.domain.live_changes import MAX_PARENTS, Changes, ParentStatus, parse_changes

SENT = ParentStatus("invited", "sent")
DELIVERED = ParentStatus("invited", "delivered")


def test_the_later_status_of_a_parent_wins() -> None:
    first, second = uuid4(), uuid4()
    merged = Changes({first: SENT}).merge(Changes({first: DELIVERED, second: SENT}))
    assert merged == Changes({first: DELIVERED, second: SENT})


def test_everything_stays_everything() -> None:
    everything = Changes(everything=True)
    assert everything.merge(Changes({uuid4(): SENT})) == everything
    assert Changes({uuid4(): SENT}).merge(everything) == everything


def test_a_long_list_becomes_everything() -> None:
    full = Changes({uuid4(): SENT for _ in range(MAX_PARENTS)})
    assert MAX_PARENTS == 60
    assert Changes().merge(full) == full
    assert full.merge(Changes({uuid4(): SENT})) == Changes(everything=True)


def test_a_notification_is_parsed() -> None:
    parent_id = uuid4()
    assert parse_changes({"parents": None}) == Changes(everything=True)
    assert parse_changes({"parents": [[str(parent_id), None, "sent"]]}) == Changes(
        {parent_id: ParentStatus(None, "sent")}
    )
