"""Changes of a message by late delivery reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.notifier.domain.messages import (
    STATUS_CHECK_AFTER_SECONDS,
    STATUS_CHECK_AGAIN_SECONDS,
    Announcement,
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
