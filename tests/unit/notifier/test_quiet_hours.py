"""No text is sent in quiet hours, whatever delayed it: a retry, the rate limit, or the provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from services.notifier.channels.twilio.sms_text import LONGEST_QUEUE_SECONDS, queue_seconds
from services.notifier.domain.messages import Claim, Message, State, decide_after_attempt
from services.notifier.domain.quiet_hours import defer_for_quiet_hours, find_quiet_hours_end, sending_deadline
from services.notifier.domain.retry import RetryPolicy
from tests.unit.notifier.builders import outbound_message
from tests.unit.notifier.test_messages import MESSAGE

EXPIRY = datetime(2030, 9, 9, tzinfo=UTC)
TEXT = replace(
    MESSAGE,
    channel="sms",
    timezone="Europe/Berlin",
    quiet_from=time(20),
    quiet_until=time(8),
    expires_at=EXPIRY,
)


@pytest.mark.parametrize(
    ("now", "until", "before"),
    [
        ("2030-09-02T17:59:59Z", None, "2030-09-02T18:00:00Z"),
        ("2030-09-02T18:00:00Z", "2030-09-03T06:00:00Z", "2030-09-03T18:00:00Z"),
        ("2030-09-02T23:30:00Z", "2030-09-03T06:00:00Z", "2030-09-03T18:00:00Z"),
        ("2030-09-03T06:00:00Z", None, "2030-09-03T18:00:00Z"),
        ("2030-09-08T12:00:00Z", None, "2030-09-08T18:00:00Z"),
        ("2030-09-08T21:00:00Z", "2030-09-09T06:00:00Z", "2030-09-09T00:00:00Z"),
    ],
)
def test_quiet_hours_are_those_of_the_schools_time_zone(now: str, until: str | None, before: str) -> None:
    at = datetime.fromisoformat(now)
    assert find_quiet_hours_end(TEXT, at) == (datetime.fromisoformat(until) if until else None)
    assert sending_deadline(TEXT, at) == datetime.fromisoformat(before)


@pytest.mark.parametrize(
    "message",
    [
        replace(TEXT, quiet_from=None),
        replace(TEXT, quiet_until=None),
        replace(TEXT, quiet_until=time(20)),
        replace(TEXT, timezone="Mars/Olympus"),
    ],
)
def test_without_hours_it_goes_out_at_any_hour(message: Message) -> None:
    evening = datetime(2030, 9, 2, 18, 30, tzinfo=UTC)
    assert defer_for_quiet_hours(message, evening) is None
    if message.timezone == TEXT.timezone:
        assert sending_deadline(message, evening) == EXPIRY


def test_a_retry_in_quiet_hours_waits_for_their_end_and_uses_up_no_attempt() -> None:
    now = datetime(2030, 9, 2, 20, tzinfo=UTC)
    result = defer_for_quiet_hours(TEXT, now)
    assert result is not None
    change = decide_after_attempt(
        Claim(TEXT, fence=2, attempts=1, announced=True), result, now, RetryPolicy(), 0.5
    )
    assert (change.state, change.attempts, change.announce) == (State.FAILED_TEMPORARY, 1, None)
    assert (change.code, change.due_at) == ("quiet_hours", datetime(2030, 9, 3, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("valid", "seconds"),
    [(None, LONGEST_QUEUE_SECONDS), (90.9, 90), (0.0, 1), (-5.0, 1), (1e6, LONGEST_QUEUE_SECONDS)],
)
def test_the_provider_queues_it_no_longer_than_it_may_and_can(valid: float | None, seconds: int) -> None:
    assert queue_seconds(outbound_message(valid_seconds=valid)) == seconds


def test_hours_by_day() -> None:
    noon = replace(TEXT, quiet_from=time(12), quiet_until=time(14))
    at = datetime(2030, 9, 2, 11, tzinfo=UTC)
    assert find_quiet_hours_end(noon, at) == at + timedelta(hours=1)
    assert find_quiet_hours_end(noon, at + timedelta(hours=1)) is None
