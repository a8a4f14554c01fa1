"""Changes of a message by late delivery reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier.domain.messages import (
    STATUS_CHECK_AFTER_SECONDS,
    STATUS_CHECK_AGAIN_SECONDS,
    Announcement,
    Change,
    Result,
    State,
    Verdict,
)
from services.notifier.domain.reports import (
    RANK,
    DeliveryReport,
    ProviderStatus,
    ReportedMessage,
    decide_after_report,
)
from services.notifier.domain.retry import RetryPolicy
from tests.unit.notifier.test_messages import CLAIM, NOW

UNKNOWN = ReportedMessage(replace(CLAIM, attempts=1), State.UNKNOWN, "SM1")
LATER = Result(Verdict.TRY_LATER, "30003", "Switched off.")


@pytest.mark.parametrize(
    ("message", "status", "provider_id", "state"),
    [
        (UNKNOWN, ProviderStatus.DELIVERED, "SM1", State.DELIVERED),
        (UNKNOWN, ProviderStatus.DELIVERED, "SM2", State.DELIVERED),
        (UNKNOWN, ProviderStatus.FAILED, "SM1", State.FAILED_PERMANENT),
        (UNKNOWN, ProviderStatus.FAILED, "SM2", None),
        (replace(UNKNOWN, provider_id=None), ProviderStatus.FAILED, "SM1", None),
        (UNKNOWN, ProviderStatus.ACCEPTED, "SM1", None),
        (UNKNOWN, ProviderStatus.SILENT, "SM1", None),
        (replace(UNKNOWN, state=State.DELIVERED), ProviderStatus.FAILED, "SM1", None),
        (replace(UNKNOWN, state=State.FAILED_PERMANENT), ProviderStatus.DELIVERED, "SM1", None),
    ],
)
def test_i35_an_unknown_outcome_becomes_a_known_one_and_no_other_end_moves(
    message: ReportedMessage, status: ProviderStatus, provider_id: str, state: State | None
) -> None:
    failure = LATER if status is ProviderStatus.FAILED else None
    report = DeliveryReport(provider_id, CLAIM.message.message_id, status, failure)
    change = decide_after_report(message, report, NOW, RetryPolicy(), 0.5)
    assert (change.state if change else None) == state
    if change is not None:
        assert change.final
        assert change.announce in (Announcement.DELIVERED, Announcement.FAILED)


def test_i35_a_report_replaces_silence() -> None:
    assert (
        RANK[ProviderStatus.ACCEPTED]
        < RANK[ProviderStatus.SILENT]
        < RANK[ProviderStatus.DELIVERED]
        == RANK[ProviderStatus.FAILED]
    )


def test_i31_status_checks_follow_the_hand_over_ever_less_often() -> None:
    minutes = [seconds / 60 for seconds in STATUS_CHECK_AFTER_SECONDS]
    assert minutes == [10, 60, 6 * 60, 24 * 60, 3 * 24 * 60]
    assert STATUS_CHECK_AGAIN_SECONDS == 60 * 60


SENT = ReportedMessage(replace(CLAIM, attempts=1), State.SENT, "SM1")
POLICY = RetryPolicy(attempt_limit=4, ambiguous_limit=2, copy_limit=3)
UNEXPLAINED = Result(Verdict.UNKNOWN, "30008", "No reason.")


def _after_failure(
    message: ReportedMessage, failure: Result | None, provider_id: str = "SM1"
) -> Change | None:
    report = DeliveryReport(provider_id, CLAIM.message.message_id, ProviderStatus.FAILED, failure)
    return decide_after_report(message, report, NOW, POLICY, 0.5)


def test_a_temporary_failure_of_a_copy_is_retried_and_announced_once() -> None:
    change = _after_failure(SENT, LATER)
    assert change == Change(
        State.FAILED_TEMPORARY,
        NOW + timedelta(seconds=1),
        1,
        0,
        "30003",
        "Switched off.",
        Announcement.FAILED,
    )
    again = _after_failure(replace(SENT, claim=replace(CLAIM, attempts=2, announced=True)), LATER)
    assert again is not None
    assert (again.announce, again.due_at) == (None, NOW + timedelta(seconds=5))


def test_a_copy_that_failed_before_its_attempt_was_recorded_waits_as_after_a_first_attempt() -> None:
    change = _after_failure(replace(SENT, claim=CLAIM), LATER)
    assert change is not None
    assert (change.attempts, change.due_at) == (0, NOW + timedelta(seconds=1))


def test_an_unexplained_failure_of_a_copy_may_have_arrived() -> None:
    change = _after_failure(SENT, UNEXPLAINED)
    assert change is not None
    assert (change.state, change.ambiguous) == (State.FAILED_TEMPORARY, 1)


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        (SENT, Result(Verdict.REFUSED, "30005")),
        (SENT, None),
        (replace(SENT, state=State.FAILED_TEMPORARY), Result(Verdict.REFUSED, "30005")),
        (replace(SENT, failed_copies=3), LATER),
        (replace(SENT, claim=replace(CLAIM, attempts=4)), LATER),
        (replace(SENT, claim=replace(CLAIM, attempts=1, ambiguous=1)), UNEXPLAINED),
        (replace(SENT, provider_id=None), Result(Verdict.REFUSED, "30005")),
    ],
)
def test_i37_a_permanent_failure_or_the_end_of_a_limit_is_final(
    message: ReportedMessage, failure: Result | None
) -> None:
    change = _after_failure(message, failure)
    assert change is not None
    assert (change.state, change.final, change.announce) == (
        State.FAILED_PERMANENT,
        True,
        Announcement.FAILED,
    )
    assert change.provider_id == "SM1"


@pytest.mark.parametrize(
    "message",
    [
        replace(SENT, failed_copies=2),
        replace(SENT, claim=replace(CLAIM, attempts=3)),
        replace(SENT, claim=replace(CLAIM, attempts=1, ambiguous=1)),
    ],
)
def test_a_failure_below_every_limit_is_retried(message: ReportedMessage) -> None:
    change = _after_failure(message, LATER)
    assert change is not None
    assert change.state is State.FAILED_TEMPORARY


@pytest.mark.parametrize(
    ("seconds", "state"), [(1.0, State.FAILED_PERMANENT), (1.001, State.FAILED_TEMPORARY)]
)
def test_a_retry_that_is_not_before_the_expiry_is_not_made(seconds: float, state: State) -> None:
    message = replace(CLAIM.message, expires_at=NOW + timedelta(seconds=seconds))
    change = _after_failure(replace(SENT, claim=replace(CLAIM, message=message, attempts=1)), LATER)
    assert change is not None
    assert change.state is state


@pytest.mark.parametrize(
    ("message", "provider_id"),
    [
        (SENT, "SM2"),
        (replace(SENT, state=State.FAILED_TEMPORARY), "SM1"),
        (replace(SENT, state=State.QUEUED), "SM1"),
    ],
)
def test_a_failure_of_another_copy_or_of_one_that_is_retried_already_changes_nothing(
    message: ReportedMessage, provider_id: str
) -> None:
    assert _after_failure(message, LATER, provider_id) is None


def test_an_accepted_copy_is_announced_as_sent_once() -> None:
    report = DeliveryReport("SM1", CLAIM.message.message_id, ProviderStatus.ACCEPTED)
    assert decide_after_report(SENT, report, NOW, POLICY, 0.5) is None
    change = decide_after_report(replace(SENT, state=State.FAILED_TEMPORARY), report, NOW, POLICY, 0.5)
    assert change is not None
    assert (change.state, change.announce, change.attempts) == (State.SENT, Announcement.SENT, 1)


def test_silence_after_the_last_check_is_an_unknown_outcome() -> None:
    report = DeliveryReport("SM1", CLAIM.message.message_id, ProviderStatus.SILENT)
    change = decide_after_report(SENT, report, NOW, POLICY, 0.5)
    assert change is not None
    assert (change.state, change.code, change.announce) == (
        State.UNKNOWN,
        "no_report",
        Announcement.OUTCOME_UNKNOWN,
    )
