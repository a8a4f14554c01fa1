"""Quiet hours of a message: the hours of the day in which it reaches no phone, whatever kept it until then."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.notifier.domain.messages import Message, Result, Verdict

QUIET_REASON = "It is sent in the morning, because of quiet hours."


def quiet_until(message: Message, now: datetime) -> datetime | None:
    """When the quiet hours end that it is in now; None: it may go out."""
    begin, end = message.quiet_from, message.quiet_until
    if begin is None or end is None or begin == end:
        return None
    local = now.astimezone(_zone(message.timezone))
    clock = local.time()
    quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    return _next(end, local) if quiet else None


def held(message: Message, now: datetime) -> Result | None:
    """How an attempt in quiet hours ends; None where it may be made."""
    until = quiet_until(message, now)
    if until is None:
        return None
    wait = (until - now).total_seconds()
    return Result(Verdict.NOT_TRIED, "quiet_hours", QUIET_REASON, retry_after_seconds=wait)


def send_before(message: Message, now: datetime) -> datetime:
    """After that it is of no use, or would ring in the night: its link ends, or quiet hours begin."""
    begin, end = message.quiet_from, message.quiet_until
    if begin is None or end is None or begin == end:
        return message.expires_at
    return min(message.expires_at, _next(begin, now.astimezone(_zone(message.timezone))))


def _next(clock: time, local: datetime) -> datetime:
    day = local.date() + timedelta(days=0 if local.time() < clock else 1)
    return datetime.combine(day, clock, local.tzinfo).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")
