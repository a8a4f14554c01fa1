"""Quiet hours: the hours of a school's day in which no phone may ring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the local day without messages, from `begin` until before `end`; equal times mean none.

    `begin` may be later than `end`: the hours then span midnight.
    """

    begin: time = time(20)
    end: time = time(8)

    @property
    def is_empty(self) -> bool:
        """Whether there are no quiet hours at all."""
        return self.begin == self.end

    def end_after(self, moment: datetime, timezone: str) -> datetime | None:
        """Return when the quiet hours that contain `moment` end (UTC), or None if it lies outside them."""
        if self.is_empty:
            return None
        local = moment.astimezone(zone_of(timezone))
        return _next_occurrence(self.end, local) if self._contains(local.time()) else None

    def next_begin(self, moment: datetime, timezone: str) -> datetime | None:
        """Return when quiet hours begin next after `moment` (UTC), or None if there are none."""
        return None if self.is_empty else _next_occurrence(self.begin, moment.astimezone(zone_of(timezone)))

    def _contains(self, local: time) -> bool:
        if self.begin < self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name; UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")


def _next_occurrence(clock: time, local: datetime) -> datetime:
    day = local.date() + timedelta(days=0 if local.time() < clock else 1)
    return datetime.combine(day, clock, local.tzinfo).astimezone(UTC)
