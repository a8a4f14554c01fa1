"""Bulk runs: whom they select, how they move, and how their counts add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from services.invitations.domain.states import Channel, Delivery, Hindrance, InvitationStatus

CANCELLED = "cancelled"


class RunState(StrEnum):
    """Where a run is."""

    SELECTING = "selecting"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class Control(StrEnum):
    """What staff may do to a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Selection:
    """One of: everyone, these parents, the parents of these students, or everyone who matches the filter."""

    everyone: bool = False
    parent_ids: tuple[UUID, ...] = ()
    student_ids: tuple[UUID, ...] = ()
    statuses: tuple[InvitationStatus, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    signed_up: bool | None = None

    @property
    def is_open(self) -> bool:
        """Does it depend on the whole roster having arrived?"""
        return not self.parent_ids


@dataclass(frozen=True, slots=True)
class Run:
    """One bulk run. `selected_at` is None until all of its parents are listed."""

    bulk_id: UUID
    school_id: UUID
    state: RunState
    channel: Channel
    selection: Selection
    created_at: datetime
    body_digest: str
    idempotency_key: str | None = None
    actor: str | None = None
    not_before: datetime | None = None
    selected_at: datetime | None = None
    finished_at: datetime | None = None
    not_known_yet: int = 0
    note: str | None = None
    expanded_to: UUID | None = None
    """The last parent that had its turn; None where none had."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of a run; `selected` is their sum. `waiting` of the messaged have no outcome yet."""

    pending: int = 0
    messaged: int = 0
    waiting: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)

    @property
    def selected(self) -> int:
        """Parents that the run is about."""
        return self.pending + self.messaged + sum(self.skipped.values()) + sum(self.failed.values())


def controlled(run: Run, control: Control) -> RunState | None:
    """The state after the control; the present one where it changes nothing; None where it cannot be done."""
    open_state = RunState.RUNNING if run.selected_at else RunState.SELECTING
    if run.state is RunState.DONE:
        return None
    if run.state is RunState.CANCELLED:
        return RunState.CANCELLED if control is Control.CANCEL else None
    match control:
        case Control.PAUSE:
            return RunState.PAUSED
        case Control.RESUME:
            return open_state
        case Control.CANCEL:
            return RunState.CANCELLED
        case _:
            assert_never(control)


def with_unknown(skipped: Mapping[str, int], not_known_yet: int) -> dict[str, int]:
    """Skip counts with the parents that the roster has and this service has not."""
    if not not_known_yet:
        return dict(skipped)
    name = Hindrance.NOT_KNOWN_YET.value
    return {**skipped, name: skipped.get(name, 0) + not_known_yet}
