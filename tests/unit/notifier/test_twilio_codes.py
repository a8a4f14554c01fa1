"""Meaning of Twilio's codes for a message."""

from __future__ import annotations

import pytest

from services.notifier.channels.base import (
    OptedOut,
    OutcomeUnknown,
    Refused,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.channels.twilio.codes import MEANINGS, error_for, error_for_answer


@pytest.mark.parametrize(
    ("code", "kind", "stored"),
    [
        (21211, Refused, "21211"),
        (21614, Refused, "21614"),
        (30005, Refused, "30005"),
        (30006, Refused, "30006"),
        (131026, Refused, "131026"),
        (21610, OptedOut, "opted_out"),
        (30007, Refused, "policy_30007"),
        (30004, Refused, "policy_30004"),
        (21408, Refused, "policy_21408"),
        (63016, Refused, "policy_63016"),
        (132001, Refused, "policy_132001"),
        (30001, TryLater, "30001"),
        (30003, TryLater, "30003"),
        (30008, TryLater, "30008"),
        (131049, TryLater, "131049"),
        (20429, Unavailable, "20429"),
        (131048, Unavailable, "131048"),
        (20003, Unavailable, "20003"),
        (12345, Refused, "12345"),
    ],
)
def test_every_code_has_its_meaning(code: int, kind: type[SendError], stored: str) -> None:
    error = error_for(code)
    assert (type(error), error.code) == (kind, stored)


def test_waits_that_a_code_requires() -> None:
    assert error_for(30003).retry_after_seconds == error_for(131049).retry_after_seconds == 86_400
    assert error_for(30001, retry_after_seconds=90).retry_after_seconds == 90
    assert error_for(20429).retry_after_seconds is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21211, Refused),
        (400, None, Refused),
        (404, 20404, Refused),
        (401, None, Unavailable),
        (429, None, Unavailable),
        (503, None, Unavailable),
        (500, None, OutcomeUnknown),
        (502, 20500, OutcomeUnknown),
    ],
)
def test_an_answer_that_is_no_promise_is_not_taken_for_a_refusal(
    status: int, code: int | None, kind: type[SendError]
) -> None:
    assert type(error_for_answer(status, code, detail="", retry_after_seconds=None)) is kind


@pytest.mark.parametrize(("retry_after", "expected"), [(None, 30.0), (5.0, 30.0), (90.0, 90.0)])
def test_a_copy_that_may_have_been_taken_is_not_repeated_before_its_report_can_come(
    retry_after: float | None, expected: float
) -> None:
    assert (
        error_for_answer(500, None, detail="", retry_after_seconds=retry_after).retry_after_seconds
        == expected
    )


def test_reasons_are_sentences_without_codes() -> None:
    for meaning in MEANINGS.values():
        assert meaning.reason[0].isupper()
        assert meaning.reason.endswith(".")
        assert not any(character.isdigit() for character in meaning.reason)
