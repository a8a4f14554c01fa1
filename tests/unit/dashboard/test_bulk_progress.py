"""Labels and states of bulk runs and imports."""

from __future__ import annotations

import pytest

from services.dashboard.domain.bulk_progress import (
    SKIP_REASONS,
    BulkRun,
    ImportRun,
    describe_skip_reason,
    label_counts,
)


def test_an_import_is_counted_in_words_and_zeros_are_left_out() -> None:
    counts = {"unchanged": 0, "parents_new": 12, "rows": 14, "odd_ones": 2}
    assert label_counts(counts) == [("Rows read", 14), ("New parents", 12), ("Odd ones", 2)]


def test_unknown_counts_follow_in_the_order_of_their_names() -> None:
    assert label_counts({"b": 1, "a": 2, "unchanged": 3}) == [("As they were", 3), ("A", 2), ("B", 1)]


def test_every_skip_reason_of_invitations_has_a_text() -> None:
    assert set(SKIP_REASONS) == {
        *("signed_up", "declined", "opted_out", "cool_down", "restricted", "removed", "not_known_yet"),
        *("no_credentials", "message_cap", "too_soon", "not_sent", "cancelled"),
    }


@pytest.mark.parametrize(
    ("reason", "channel", "text"),
    [
        ("no_contact", "sms", "have no phone number on file"),
        ("no_contact", "email", "have no e-mail address on file"),
        ("declined", "email", SKIP_REASONS["declined"]),
        ("new_reason", "email", "new reason"),
    ],
)
def test_a_skip_reason_completes_a_sentence(reason: str, channel: str, text: str) -> None:
    assert describe_skip_reason(reason, channel) == text


@pytest.mark.parametrize(
    ("state", "running"),
    [("selecting", True), ("running", True), ("paused", False), ("done", False), ("preview", False)],
)
def test_a_bulk_run_is_running_while_it_goes_on_by_itself(state: str, running: bool) -> None:
    run = BulkRun(None, state, 12, 5, 4, 2, 9, "email", {}, {})
    assert run.running is running
    assert run.done == 7


@pytest.mark.parametrize(
    ("state", "busy"), [("validating", True), ("applying", True), ("preview", False), ("applied", False)]
)
def test_an_import_is_busy_while_roster_works_on_it(state: str, busy: bool) -> None:
    assert ImportRun("id", state, {}, []).busy is busy
