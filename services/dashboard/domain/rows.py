"""What lists and pages show of a parent and of a student."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.dashboard.domain.family import Contact
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
    signed_up_at: datetime | None

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
                reachable=bool(self.contacts),
            )
        )


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
