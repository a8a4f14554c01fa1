"""Quiet hours of a day: within, across midnight, none, and unknown time zones."""

from datetime import UTC, datetime, time

import pytest

from shared.contracts.quiet_hours import QuietHours

_NIGHT = QuietHours(time(20), time(8))
_LUNCH = QuietHours(time(12), time(13))


def _utc(hour: int, minute: int = 0, day: int = 10) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "moment", "end"),
    [
        (_NIGHT, _utc(19, 59), None),
        (_NIGHT, _utc(20), _utc(8, day=11)),
        (_NIGHT, _utc(23, 59), _utc(8, day=11)),
        (_NIGHT, _utc(0), _utc(8)),
        (_NIGHT, _utc(7, 59), _utc(8)),
        (_NIGHT, _utc(8), None),
        (_LUNCH, _utc(12), _utc(13)),
        (_LUNCH, _utc(13), None),
        (QuietHours(time(8), time(8)), _utc(8), None),
    ],
)
def test_the_end_of_the_quiet_hours_that_contain_a_moment(
    hours: QuietHours, moment: datetime, end: datetime | None
) -> None:
    assert hours.end_after(moment, "UTC") == end


def test_quiet_hours_are_local_time() -> None:
    assert _NIGHT.end_after(_utc(19), "Europe/Berlin") == _utc(7, day=11)
    assert _NIGHT.end_after(_utc(19), "nowhere/unknown") is None


def test_the_next_begin_is_today_or_tomorrow() -> None:
    assert _NIGHT.next_begin(_utc(19), "UTC") == _utc(20)
    assert _NIGHT.next_begin(_utc(20), "UTC") == _utc(20, day=11)
    assert QuietHours(time(8), time(8)).next_begin(_utc(8), "UTC") is None
