"""Rows of the status view: a parent with children, contacts and status, and a student with parents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.dashboard.domain.parent_projection import Contact, InvitationState
from services.dashboard.domain.reachability import (
    OptedOutAddresses,
    list_open_channels,
    list_opted_out_channels,
)
from services.dashboard.domain.status import Action, choose_action
from shared.contracts.explanations import Explanation, StatusDetails, explain
from shared.contracts.quiet_hours import zone_of
from shared.contracts.values import Delivery, InvitationStatus


@dataclass(frozen=True, slots=True)
class LinkedStudent:
    """Student as shown with a parent; `rights` is `full` or `none`."""

    student_id: UUID
    name: str = field(repr=False)
    class_name: str | None
    relation: str | None
    rights: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class ParentRow:
    """One parent record in the status view. Times are UTC."""

    parent_id: UUID
    name: str = field(repr=False)
    language: str | None
    contacts: tuple[Contact, ...]
    children: tuple[LinkedStudent, ...]
    status: InvitationStatus
    state: InvitationState | None
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
    opt_outs: OptedOutAddresses = frozenset()

    @property
    def action(self) -> Action | None:
        """Action that staff are offered, or None."""
        return choose_action(self.status, has_access=any(child.rights == "full" for child in self.children))

    def explanation(self, timezone: str) -> Explanation:
        """Return the reason and the next step, with times in the school's IANA time zone."""
        return explain(
            StatusDetails(
                status=self.status,
                zone=zone_of(timezone),
                is_verified=self.state is InvitationState.VERIFIED,
                is_accepted=self.state is InvitationState.ACCEPTED,
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
                opted_out=self._is_last_channel_opted_out(),
            )
        )

    def opted_out_channels(self, contact: Contact) -> list[str]:
        """Return the channels on which this contact takes no more messages."""
        return list_opted_out_channels(contact, self.opt_outs)

    def open_channels(self, usable: Collection[str]) -> list[str]:
        """Return the usable channels by which the parent can be invited."""
        return list_open_channels(self.contacts, self.opt_outs, usable)

    def _is_last_channel_opted_out(self) -> bool:
        """Return whether the recipient opted out of the channel of the last message."""
        used = (contact for contact in self.contacts if contact.contact_id == self.contact_id)
        return any(self.channel in self.opted_out_channels(contact) for contact in used)


@dataclass(frozen=True, slots=True)
class StudentRow:
    """Student with the parents' rows beneath the name."""

    student_id: UUID
    name: str = field(repr=False)
    number: str | None
    class_name: str | None
    parents: Sequence[ParentRow]
