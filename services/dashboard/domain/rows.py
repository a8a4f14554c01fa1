"""What lists and pages show of a parent and of a student."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.dashboard.domain.family import Contact
from services.dashboard.domain.reach import Stopped, closed_channels, open_channels
from services.dashboard.domain.status import Action, Delivery, State, Status, action_of
from services.dashboard.domain.words import Explanation, Standing, explain


@dataclass(frozen=True, slots=True)
class Child:
    """A child beneath a parent's name; `rights` is full or none."""

    student_id: UUID
    name: str = field(repr=False)
    class_name: str | None
    relation: str | None
    rights: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class ParentRow:
    """One row of the status view. Moments are UTC."""

    parent_id: UUID
    name: str = field(repr=False)
    language: str | None
    contacts: tuple[Contact, ...]
    children: tuple[Child, ...]
    status: Status
    state: State | None
    state_at: datetime | None
    state_reason: str | None
    channel: str | None
    contact_id: UUID | None
    expires_at: datetime | None
    last_invited_at: datetime | None
    delivery: Delivery | None
    delivery_reason: str | None
    delivery_at: datetime | None
    delivery_code: str | None
    signed_up_at: datetime | None
    stopped: Stopped = frozenset()

    @property
    def action(self) -> Action | None:
        """What staff may press."""
        return action_of(self.status, has_access=any(child.rights == "full" for child in self.children))

    def explanation(self, timezone: str) -> Explanation:
        """Reason and next step, with moments in the school's IANA time zone."""
        return explain(
            Standing(
                status=self.status,
                zone=zone_of(timezone),
                state=self.state,
                state_reason=self.state_reason,
                state_at=self.state_at,
                delivery=self.delivery,
                delivery_reason=self.delivery_reason,
                channel=self.channel,
                expires_at=self.expires_at,
                signed_up_at=self.signed_up_at,
                delivery_at=self.delivery_at,
                delivery_code=self.delivery_code,
                reachable=bool(self.contacts),
                stopped=self._stopped(),
            )
        )

    def closed(self, contact: Contact) -> list[str]:
        """On which channels this contact takes no more messages."""
        return closed_channels(contact, self.stopped)

    def ways(self, usable: Collection[str]) -> list[str]:
        """By which of the usable channels the parent can be invited."""
        return open_channels(self.contacts, self.stopped, usable)

    def _stopped(self) -> bool:
        """Has the recipient closed the way that the last message took?"""
        used = (contact for contact in self.contacts if contact.contact_id == self.contact_id)
        return any(self.channel in self.closed(contact) for contact in used)


@dataclass(frozen=True, slots=True)
class StudentRow:
    """A student with the parents' rows beneath the name."""

    student_id: UUID
    name: str = field(repr=False)
    number: str | None
    class_name: str | None
    parents: Sequence[ParentRow]


def zone_of(timezone: str) -> ZoneInfo:
    """The IANA zone, or UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
