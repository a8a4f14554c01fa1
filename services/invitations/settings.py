"""What the service is told from outside; environment prefix `INVITATIONS_`."""

from __future__ import annotations

from datetime import time, timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.invitations.domain.models import Limits, QuietHours
from services.invitations.domain.states import Channel
from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """Brakes, batch sizes and where the roster answers."""

    model_config = SettingsConfigDict(env_prefix="INVITATIONS_")

    roster_url: str | None = Field(None, pattern=r"^https?://[^\s/]+$")
    """Base of the roster's API; None: the public URL, where a gateway routes by prefix."""
    cool_down_hours: float = Field(24, ge=0)
    reinvite_min_seconds: float = Field(60, ge=0)
    messages_per_contact: int = Field(10, ge=1)
    reminders_enabled: bool = True
    await_parent_seconds: float = Field(2, ge=0, le=10)
    """How long an invitation of a parent who has not arrived here yet is held back before 409."""
    catch_up_seconds: float = Field(30, ge=0)
    """How long a run waits for the copy of the roster to be complete while nobody of those missing arrives."""
    roster_patience_seconds: float = Field(5, ge=0)
    """How long a run asks a roster that does not answer before it goes on without."""
    preview_catch_up_seconds: float = Field(10, ge=0, le=30)
    quiet_hours: str = Field("", pattern=r"^(none|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")
    """Hours without SMS and WhatsApp for all schools, such as `20:00-08:00`, or `none`; empty: each school's own."""
    quiet_poll_seconds: float = Field(1, gt=0)
    bulk_outstanding_limit: int = Field(3_000, ge=1)
    """Messages of runs, all together, that may be without an outcome."""
    batch_size: int = Field(500, ge=1, le=5_000)
    expiry_poll_milliseconds: int = Field(500, ge=10)
    reminder_poll_seconds: float = Field(5, gt=0)
    wish_poll_seconds: float = Field(3, gt=0)
    bulk_poll_milliseconds: int = Field(200, ge=10)
    """How often a run that waits for outcomes, or for the copy of the roster, is looked after."""
    bulk_rest_seconds: float = Field(2, gt=0)
    """How often there is a look for runs while none waits; a new one is heard of at once."""
    await_poll_milliseconds: int = Field(50, ge=1)

    @property
    def limits(self) -> Limits:
        """The brakes as the domain knows them."""
        return Limits(
            cool_down=timedelta(hours=self.cool_down_hours),
            reinvite_pause=timedelta(seconds=self.reinvite_min_seconds),
            message_cap=self.messages_per_contact,
            quiet=self._quiet,
        )

    @property
    def usable_channels(self) -> frozenset[Channel]:
        """What can be sent by."""
        return frozenset(Channel(name) for name in self.channels.split(","))

    @property
    def _quiet(self) -> QuietHours | None:
        if not self.quiet_hours:
            return None
        if self.quiet_hours == "none":
            return QuietHours(time(0), time(0))
        begin, end = self.quiet_hours.split("-")
        return QuietHours(time.fromisoformat(begin), time.fromisoformat(end))
