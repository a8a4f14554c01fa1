"""Unit tests of the moments that `kinvite outbox republish` accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from deploy.cli.outbox import parse_moment


def test_a_moment_is_a_duration_before_now_or_a_time_with_an_offset() -> None:
    ago = parse_moment("2h")
    assert timedelta(hours=2) <= datetime.now(UTC) - ago < timedelta(hours=2, minutes=1)
    assert parse_moment("2026-11-20T08:00:00Z") == datetime(2026, 11, 20, 8, tzinfo=UTC)
    for wrong in ("yesterday", "2026-11-20", "", "h", "9999999d"):
        with pytest.raises(typer.BadParameter):
            parse_moment(wrong)
