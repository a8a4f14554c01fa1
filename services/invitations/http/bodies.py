"""What callers send, checked field by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.invitations.domain.bulk import Selection
from services.invitations.domain.states import Channel, Delivery, InvitationStatus

MAX_IDS = 20_000
MAX_AHEAD = timedelta(days=366)


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("use printable characters, and at least one of them")
    return value.strip()


def _within_a_year(value: datetime) -> datetime:
    if value > datetime.now(UTC) + MAX_AHEAD:
        raise ValueError("use a moment within the next year")
    return value


Reason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Ids = Annotated[list[UUID], Field(min_length=1, max_length=MAX_IDS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class InviteBody(_Body):
    """Invite or re-invite one parent."""

    parent_id: UUID
    contact_id: UUID | None = Field(None, description="One of the parent's contacts; else the preferred one.")
    channel: Channel = Channel.EMAIL
    override_reason: Reason | None = Field(
        None, description="Why this address gets more messages than it may have."
    )
    idempotency_key: str | None = None


class FilterBody(_Body):
    """Parents who match every condition given."""

    status: list[InvitationStatus] | None = Field(None, min_length=1, max_length=20)
    delivery: list[Delivery] | None = Field(None, min_length=1, max_length=20)
    signed_up: bool | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.status is None and self.delivery is None and self.signed_up is None:
            raise ValueError("give at least one of status, delivery, signed_up")
        return self


class SelectBody(_Body):
    """Exactly one of the four."""

    all: Literal[True] | None = None
    parent_ids: Ids | None = None
    student_ids: Ids | None = None
    filter: FilterBody | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [one for one in (self.all, self.parent_ids, self.student_ids, self.filter) if one is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of all, parent_ids, student_ids, filter")
        return self

    def selection(self) -> Selection:
        """The selection as the domain knows it."""
        chosen = self.filter
        return Selection(
            everyone=bool(self.all),
            parent_ids=tuple(sorted(set(self.parent_ids or ()))),
            student_ids=tuple(sorted(set(self.student_ids or ()))),
            statuses=tuple(chosen.status or ()) if chosen else (),
            deliveries=tuple(chosen.delivery or ()) if chosen else (),
            signed_up=chosen.signed_up if chosen else None,
        )


class BulkBody(_Body):
    """Invite many parents in one run."""

    select: SelectBody
    channel: Channel
    dry_run: bool = False
    not_before: Annotated[AwareDatetime, AfterValidator(_within_a_year)] | None = None
    idempotency_key: str | None = None
