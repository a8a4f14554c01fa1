"""Quiet hours: phones are not rung at night; what would be sent then waits for the morning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.invitations.domain.models import QuietHours, School
from services.invitations.domain.states import Channel, Origin

LOUD_CHANNELS = frozenset({Channel.SMS, Channel.WHATSAPP})


@dataclass(frozen=True, slots=True)
class Night:
    """Whose night: the school's own hours, unless the installation has others."""

    school: School
    instead: QuietHours | None = None

    def hours(self, channel: Channel) -> QuietHours | None:
        """The hours of the day without messages on this channel; None: there are none."""
        hours = self.instead or self.school.quiet
        return None if channel not in LOUD_CHANNELS or hours.begin == hours.end else hours

    def ends(self, channel: Channel, now: datetime) -> datetime | None:
        """When what goes out now on this channel may go out; None: at once."""
        hours = self.hours(channel)
        if hours is None:
            return None
        local = now.astimezone(_zone(self.school.timezone))
        if not _within(hours, local.time()):
            return None
        day = local.date() + timedelta(days=0 if local.time() < hours.end else 1)
        return datetime.combine(day, hours.end, local.tzinfo).astimezone(UTC)


def held_until(night: Night, channel: Channel, origin: Origin, now: datetime) -> datetime | None:
    """Until when a message waits. Who asks for a link is awake and gets it at once."""
    return None if origin is Origin.PARENT else night.ends(channel, now)


def _within(hours: QuietHours, local: time) -> bool:
    if hours.begin < hours.end:
        return hours.begin <= local < hours.end
    return local >= hours.begin or local < hours.end


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")
