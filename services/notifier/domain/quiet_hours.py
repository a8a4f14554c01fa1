"""Quiet hours of a message: when an attempt is deferred, and until when the provider may send it."""

from __future__ import annotations

from datetime import datetime

from services.notifier.domain.messages import Message, Result, Verdict
from shared.contracts.quiet_hours import QuietHours

QUIET_REASON = "It is sent in the morning, because of quiet hours."


def find_quiet_hours_end(message: Message, now: datetime) -> datetime | None:
    """Return when the quiet hours that contain `now` end (UTC), or None if the message may be sent now."""
    hours = _quiet_hours(message)
    return hours.end_after(now, message.timezone) if hours else None


def defer_for_quiet_hours(message: Message, now: datetime) -> Result | None:
    """Return the result of an attempt within quiet hours, or None if the attempt may be made.

    The result uses up no attempt and makes the message due again when the quiet hours end.
    """
    end = find_quiet_hours_end(message, now)
    if end is None:
        return None
    wait_seconds = (end - now).total_seconds()
    return Result(Verdict.NOT_TRIED, "quiet_hours", QUIET_REASON, retry_after_seconds=wait_seconds)


def sending_deadline(message: Message, now: datetime) -> datetime:
    """Return the moment after which the provider must not send the message: its expiry, or the next quiet hours."""
    hours = _quiet_hours(message)
    begin = hours.next_begin(now, message.timezone) if hours else None
    return message.expires_at if begin is None else min(message.expires_at, begin)


def _quiet_hours(message: Message) -> QuietHours | None:
    if message.quiet_from is None or message.quiet_until is None:
        return None
    return QuietHours(message.quiet_from, message.quiet_until)
