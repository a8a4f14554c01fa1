"""Settings of the service, read from environment variables with the prefix `INVITATIONS_`."""

from __future__ import annotations

from datetime import time, timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.invitations.domain.models import Limits
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import Channel
from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """Rate limits, batch sizes, polling intervals, and the address of the roster."""

    model_config = SettingsConfigDict(env_prefix="INVITATIONS_")

    roster_url: str | None = Field(None, pattern=r"^https?://[^\s/]+$")
    """Base URL of the roster's API; by default the public URL, where a gateway routes by prefix."""
    cool_down_hours: float = Field(24, ge=0)
    """Time after a message in which a bulk run does not write to the same parent again."""
    reinvite_min_seconds: float = Field(60, ge=0)
    """Minimum time between two re-invitations of a parent by staff."""
    messages_per_contact: int = Field(10, ge=1)
    """Messages to one contact until its address changes; staff can exceed it with a reason."""
    reminders_enabled: bool = True
    """Whether parents who have not used their link are reminded."""
    await_parent_seconds: float = Field(2, ge=0, le=10)
    """Time for which an invitation of a parent who has not arrived here yet is held back before it is answered 409."""
    catch_up_seconds: float = Field(30, ge=0)
    """Time for which a bulk run waits for missing parents of the roster while none of them arrives."""
    roster_patience_seconds: float = Field(5, ge=0)
    """Time after which a bulk run goes on without a roster that does not answer."""
    preview_catch_up_seconds: float = Field(10, ge=0, le=30)
    """Time for which the preview of a bulk run waits for missing parents of the roster."""
    quiet_hours: str = Field("", pattern=r"^(none|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")
    """Hours without SMS and WhatsApp for all schools, such as `20:00-08:00`, or `none`; empty: each school's own."""
    quiet_poll_seconds: float = Field(1, gt=0)
    """Polling interval for deferred messages whose quiet hours have ended."""
    bulk_outstanding_limit: int = Field(3_000, ge=1)
    """Messages of all bulk runs together that may be without a delivery report."""
    batch_size: int = Field(500, ge=1, le=5_000)
    """Parents or invitations per transaction of a scheduled task."""
    expiry_poll_milliseconds: int = Field(500, ge=10)
    """Polling interval for expired invitations."""
    reminder_poll_seconds: float = Field(5, gt=0)
    """Polling interval for reminders that are due."""
    pending_request_poll_seconds: float = Field(3, gt=0)
    """Polling interval for requests to invite parents that are stored although parent and school have arrived."""
    bulk_poll_milliseconds: int = Field(200, ge=10)
    """Polling interval of a bulk run that waits for delivery reports or for missing parents."""
    bulk_idle_poll_seconds: float = Field(2, gt=0)
    """Polling interval for bulk runs while none waits; workers are notified of a new one at once."""
    await_poll_milliseconds: int = Field(50, ge=1)
    """Polling interval of a request that waits for a parent, a school, or missing parents of a preview."""

    @property
    def limits(self) -> Limits:
        """Rate limits of the domain."""
        return Limits(
            cool_down=timedelta(hours=self.cool_down_hours),
            reinvite_pause=timedelta(seconds=self.reinvite_min_seconds),
            message_cap=self.messages_per_contact,
            quiet=self._quiet,
        )

    @property
    def usable_channels(self) -> frozenset[Channel]:
        """Channels on which this installation can send."""
        return frozenset(Channel(name) for name in self.channels.split(","))

    @property
    def _quiet(self) -> QuietHours | None:
        if not self.quiet_hours:
            return None
        if self.quiet_hours == "none":
            return QuietHours(time(0), time(0))
        begin, end = self.quiet_hours.split("-")
        return QuietHours(time.fromisoformat(begin), time.fromisoformat(end))
