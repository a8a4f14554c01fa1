"""Changes of a message before and after an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.notifier.domain.messages import (
    Announcement,
    Claim,
    Message,
    Outcome,
    Recipient,
    Result,
    State,
    Verdict,
    decide_after_attempt,
    decide_before_attempt,
)
from services.notifier.domain.retry import RetryPolicy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = RetryPolicy(attempt_limit=3, ambiguous_limit=2)
MESSAGE = Message(
    message_id=UUID(int=1),
    school_id=UUID(int=2),
    parent_id=UUID(int=3),
    invitation_id=UUID(int=4),
    generation=1,
    channel="email",
    template="verify",
    recipient=Recipient("maria@example.org", "Maria Lopez"),
    language="en",
    school_name="Forest School",
    timezone="UTC",
    token_key_id="k1",
    expires_at=NOW + timedelta(days=7),
)
CLAIM = Claim(MESSAGE, fence=1)
LATER = Result(Verdict.TRY_LATER, "4.7.1", "Later.")
UNKNOWN = Result(Verdict.UNKNOWN, "timeout", "Nobody knows.")
DOWN = Result(Verdict.UNAVAILABLE, "no_connection", "Down.", retry_after_seconds=2.0)


def test_c14_a_sent_message_is_announced_as_sent() -> None:
    change = decide_after_attempt(CLAIM, Result(Verdict.SENT), NOW, POLICY, 0.5)
    assert (change.state, change.due_at, change.announce) == (State.SENT, None, Announcement.SENT)


def test_decision_6_a_hard_bounce_is_final_with_its_reason() -> None:
    refused = Result(Verdict.REFUSED, "5.1.1", "There is no mailbox with this address.")
    change = decide_after_attempt(CLAIM, refused, NOW, POLICY, 0.5)
    assert (change.state, change.final, change.announce) == (
        State.FAILED_PERMANENT,
        True,
        Announcement.FAILED,
    )
    assert change.reason == "There is no mailbox with this address."


def test_a_temporary_failure_is_tried_again_and_announced_once() -> None:
    first = decide_after_attempt(CLAIM, LATER, NOW, POLICY, 0.5)
    assert (first.state, first.announce, first.attempts) == (State.FAILED_TEMPORARY, Announcement.FAILED, 1)
    assert first.due_at == NOW + timedelta(seconds=1)
    again = decide_after_attempt(replace(CLAIM, attempts=1, announced=True), LATER, NOW, POLICY, 0.5)
    assert (again.due_at, again.announce) == (NOW + timedelta(seconds=5), None)


def test_the_last_attempt_fails_for_good() -> None:
    change = decide_after_attempt(replace(CLAIM, attempts=2, announced=True), LATER, NOW, POLICY, 0.5)
    assert (change.state, change.announce, change.reason) == (
        State.FAILED_PERMANENT,
        Announcement.FAILED,
        "Later.",
    )


def test_a_retry_after_the_link_has_died_is_not_made() -> None:
    dying = replace(CLAIM, message=replace(MESSAGE, expires_at=NOW + timedelta(seconds=0.5)))
    assert decide_after_attempt(dying, LATER, NOW, POLICY, 0.5).state is State.FAILED_PERMANENT


@pytest.mark.parametrize(
    ("seconds", "state"), [(1.0, State.FAILED_PERMANENT), (1.001, State.FAILED_TEMPORARY)]
)
def test_a_retry_at_the_expiry_is_too_late(seconds: float, state: State) -> None:
    message = replace(MESSAGE, expires_at=NOW + timedelta(seconds=seconds))
    assert decide_after_attempt(replace(CLAIM, message=message), LATER, NOW, POLICY, 0.5).state is state


@pytest.mark.parametrize("verdict", [Verdict.SENT, Verdict.REFUSED])
def test_a_final_attempt_is_counted_too(verdict: Verdict) -> None:
    assert decide_after_attempt(replace(CLAIM, attempts=1), Result(verdict), NOW, POLICY, 0.5).attempts == 2


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_copy_may_be_with_the_provider_after_success_or_a_lost_answer(verdict: Verdict) -> None:
    outcome = Outcome(CLAIM, Result(verdict), NOW)
    assert outcome.may_have_been_accepted == (verdict in (Verdict.SENT, Verdict.UNKNOWN))


def test_an_ambiguous_outcome_is_repeated_until_its_own_limit_and_then_unknown() -> None:
    first = decide_after_attempt(CLAIM, UNKNOWN, NOW, POLICY, 0.5)
    assert (first.state, first.ambiguous) == (State.FAILED_TEMPORARY, 1)
    last = decide_after_attempt(replace(CLAIM, attempts=1, ambiguous=1), UNKNOWN, NOW, POLICY, 0.5)
    assert (last.state, last.announce) == (State.UNKNOWN, Announcement.OUTCOME_UNKNOWN)


@pytest.mark.parametrize("earlier", [{"ambiguous": 1}, {"interrupted": True}])
def test_a_message_that_may_have_arrived_ends_as_unknown(earlier: dict[str, int | bool]) -> None:
    claim = Claim(MESSAGE, 9, attempts=2, **earlier)  # type: ignore[arg-type]
    assert decide_after_attempt(claim, LATER, NOW, POLICY, 0.5).state is State.UNKNOWN


def test_a_dead_channel_uses_up_no_attempt() -> None:
    change = decide_after_attempt(CLAIM, DOWN, NOW, POLICY, 0.5)
    assert (change.state, change.attempts, change.announce) == (
        State.FAILED_TEMPORARY,
        0,
        Announcement.FAILED,
    )
    assert change.due_at == NOW + timedelta(seconds=2)
    again = decide_after_attempt(replace(CLAIM, attempts=2, announced=True), DOWN, NOW, POLICY, 0.5)
    assert (again.state, again.attempts, again.announce) == (State.FAILED_TEMPORARY, 2, None)


def test_a_message_that_was_not_tried_goes_back_as_it_was() -> None:
    idle = Result(Verdict.NOT_TRIED)
    assert decide_after_attempt(CLAIM, idle, NOW, POLICY, 0.5).state is State.QUEUED
    waiting = decide_after_attempt(replace(CLAIM, announced=True), idle, NOW, POLICY, 0.5)
    assert (waiting.state, waiting.announce, waiting.due_at) == (State.FAILED_TEMPORARY, None, NOW)


def test_a_message_whose_link_has_expired_is_not_sent() -> None:
    change = decide_before_attempt(replace(CLAIM, message=replace(MESSAGE, expires_at=NOW)), NOW, POLICY)
    assert change is not None
    assert (change.state, change.code, change.announce) == (
        State.FAILED_PERMANENT,
        "expired",
        Announcement.FAILED,
    )


def test_a_message_that_always_kills_its_sender_is_given_up() -> None:
    change = decide_before_attempt(replace(CLAIM, attempts=3, interrupted=True), NOW, POLICY)
    assert change is not None
    assert (change.state, change.code) == (State.UNKNOWN, "interrupted")
    assert decide_before_attempt(CLAIM, NOW, POLICY) is None


def test_reprs_show_no_person() -> None:
    shown = repr(CLAIM) + repr(Result(Verdict.REFUSED, detail="550 maria@example.org"))
    assert "maria" not in shown.lower()
