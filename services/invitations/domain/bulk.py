"""Bulk runs: their selection of parents, their states, and their counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from services.invitations.domain.models import DenialReason
from shared.contracts.values import Channel, Delivery, InvitationStatus


class RunState(StrEnum):
    """State of a bulk run; the last two are final."""

    SELECTING = "selecting"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class Control(StrEnum):
    """Action of staff on a bulk run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Selection:
    """Parents of a bulk run: everyone, named parents, the parents of named students, or those matching a filter."""

    everyone: bool = False
    parent_ids: tuple[UUID, ...] = ()
    student_ids: tuple[UUID, ...] = ()
    statuses: tuple[InvitationStatus, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    signed_up: bool | None = None

    @property
    def needs_full_replica(self) -> bool:
        """Whether the selection is complete only once the whole roster of the school has arrived here."""
        return not self.parent_ids


@dataclass(frozen=True, slots=True)
class BulkRun:
    """Bulk run. `selected_at` is None until all of its parents are listed."""

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
    """Last parent that was processed, in id order; None if none was yet."""


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """Counts of a bulk run; `selected` is their sum. `waiting` counts messages without a delivery report."""

    pending: int = 0
    messaged: int = 0
    waiting: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)

    @property
    def selected(self) -> int:
        """Number of parents in the run."""
        return self.pending + self.messaged + sum(self.skipped.values()) + sum(self.failed.values())


def apply_control(run: BulkRun, control: Control) -> RunState | None:
    """Return the state after the control, which may be the present one; None if the run does not allow it."""
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


def add_not_known_yet(skipped: Mapping[str, int], not_known_yet: int) -> dict[str, int]:
    """Return the skip counts with the selected parents that have not arrived in this service added."""
    if not not_known_yet:
        return dict(skipped)
    reason = DenialReason.NOT_KNOWN_YET.value
    return {**skipped, reason: skipped.get(reason, 0) + not_known_yet}
