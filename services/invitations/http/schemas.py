"""Request models of the API, validated field by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.invitations.domain.bulk import Selection
from shared.contracts.values import Channel, Delivery, InvitationStatus

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
    """Request to invite or re-invite one parent."""

    parent_id: UUID
    contact_id: UUID | None = Field(None, description="One of the parent's contacts; else the preferred one.")
    channel: Channel = Channel.EMAIL
    override_reason: Reason | None = Field(
        None, description="Why this address gets more messages than it may have."
    )
    idempotency_key: str | None = None


class FilterBody(_Body):
    """Filter for parents who match every given condition."""

    status: list[InvitationStatus] | None = Field(None, min_length=1, max_length=20)
    delivery: list[Delivery] | None = Field(None, min_length=1, max_length=20)
    signed_up: bool | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.status is None and self.delivery is None and self.signed_up is None:
            raise ValueError("give at least one of status, delivery, signed_up")
        return self


class SelectBody(_Body):
    """Selection of parents by exactly one of the four fields."""

    all: Literal[True] | None = None
    parent_ids: Ids | None = None
    student_ids: Ids | None = None
    filter: FilterBody | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        fields = (self.all, self.parent_ids, self.student_ids, self.filter)
        given = [field for field in fields if field is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of all, parent_ids, student_ids, filter")
        return self

    def selection(self) -> Selection:
        """Return the selection as a value of the domain."""
        condition = self.filter
        return Selection(
            everyone=bool(self.all),
            parent_ids=tuple(sorted(set(self.parent_ids or ()))),
            student_ids=tuple(sorted(set(self.student_ids or ()))),
            statuses=tuple(condition.status or ()) if condition else (),
            deliveries=tuple(condition.delivery or ()) if condition else (),
            signed_up=condition.signed_up if condition else None,
        )


class BulkBody(_Body):
    """Request to invite many parents in one bulk run, or to preview it."""

    select: SelectBody
    channel: Channel
    dry_run: bool = False
    not_before: Annotated[AwareDatetime, AfterValidator(_within_a_year)] | None = None
    idempotency_key: str | None = None
