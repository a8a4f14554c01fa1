"""Sentences of the timeline."""

from __future__ import annotations

import pytest

from services.dashboard.domain.timeline import SENTENCES, TimelineEntry, format_entry, kind_of_event
from tests.unit.dashboard.builders import START


def test_every_kind_has_a_sentence_without_holes() -> None:
    for kind in SENTENCES:
        sentence = format_entry(TimelineEntry(kind, START, "email", "invite", "no such mailbox"))
        assert sentence
        assert "{" not in sentence
        assert not sentence.endswith((".", ":"))


def test_a_kind_of_a_newer_version_is_shown_as_its_name() -> None:
    assert format_entry(TimelineEntry("parents_merged", START)) == "Parents merged"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (TimelineEntry("invitation_issued", START, "email"), "Invited by e-mail"),
        (TimelineEntry("invitation_issued", START), "Invited"),
        (TimelineEntry("invitation_issued", START, "pigeon"), "Invited"),
        (
            TimelineEntry("message_sent", START, "sms", "verify_reminder"),
            "Sent the reminder to confirm the contact by SMS",
        ),
        (TimelineEntry("message_delivered", START, template="letter"), "Delivered the message"),
        (
            TimelineEntry("message_failed", START, template="invite", reason="busy."),
            "Could not deliver the invitation: busy",
        ),
        (
            TimelineEntry("message_failed", START, template="invite"),
            "Could not deliver the invitation: no reason was given",
        ),
        (
            TimelineEntry("invitation_refused", START, reason="used"),
            "A sign-up was refused: the link had been used",
        ),
        (
            TimelineEntry("invitation_refused", START, reason="new_reason"),
            "A sign-up was refused: new_reason",
        ),
        (TimelineEntry("invitation_refused", START), "A sign-up was refused: no reason was given"),
    ],
)
def test_placeholders_are_filled(entry: TimelineEntry, sentence: str) -> None:
    assert format_entry(entry) == sentence


def test_the_kind_is_the_class_name_in_snake_case() -> None:
    assert kind_of_event("ParentAdded") == "parent_added"
    assert kind_of_event("MessageOutcomeUnknown") == "message_outcome_unknown"
