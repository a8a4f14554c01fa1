"""Bulk runs: controls, counts and selections."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.invitations.domain.bulk import (
    BulkProgress,
    BulkRun,
    Control,
    RunState,
    Selection,
    add_not_known_yet,
    apply_control,
)
from shared.contracts.values import Channel
from tests.unit.invitations.builders import NOW, SCHOOL


def run_in(state: RunState, *, selected: bool = True) -> BulkRun:
    return BulkRun(
        bulk_id=SCHOOL.school_id,
        school_id=SCHOOL.school_id,
        state=state,
        channel=Channel.EMAIL,
        selection=Selection(everyone=True),
        created_at=NOW,
        body_digest="",
        selected_at=NOW if selected else None,
    )


def test_a_run_can_be_paused_resumed_and_cancelled_until_it_has_ended() -> None:
    assert apply_control(run_in(RunState.RUNNING), Control.PAUSE) is RunState.PAUSED
    assert apply_control(run_in(RunState.PAUSED), Control.RESUME) is RunState.RUNNING
    assert apply_control(run_in(RunState.PAUSED, selected=False), Control.RESUME) is RunState.SELECTING
    assert apply_control(run_in(RunState.RUNNING), Control.CANCEL) is RunState.CANCELLED
    assert apply_control(run_in(RunState.CANCELLED), Control.CANCEL) is RunState.CANCELLED
    assert apply_control(run_in(RunState.CANCELLED), Control.RESUME) is None
    assert [apply_control(run_in(RunState.DONE), control) for control in Control] == [None, None, None]


@pytest.mark.parametrize("state", [RunState.SELECTING, RunState.RUNNING, RunState.PAUSED])
def test_every_control_applies_to_every_open_run(state: RunState) -> None:
    states = [apply_control(run_in(state), control) for control in Control]
    assert states == [RunState.PAUSED, RunState.RUNNING, RunState.CANCELLED]


def test_the_counts_of_a_run_add_up() -> None:
    skipped = add_not_known_yet({"no_contact": 3}, 2)
    progress = BulkProgress(pending=1, messaged=4, waiting=2, skipped=skipped, failed={"5.1.1": 1})
    assert skipped == {"no_contact": 3, "not_known_yet": 2}
    assert progress.selected == 11


def test_parents_that_have_not_arrived_are_added_to_their_skip_reason() -> None:
    assert add_not_known_yet({"not_known_yet": 3}, 2) == {"not_known_yet": 5}
    assert add_not_known_yet({"no_contact": 3}, 0) == {"no_contact": 3}
    assert add_not_known_yet({}, 1) == {"not_known_yet": 1}


def test_only_named_parents_do_not_depend_on_the_whole_replica() -> None:
    assert Selection(everyone=True).needs_full_replica
    assert Selection(student_ids=(uuid4(),)).needs_full_replica
    assert not Selection(parent_ids=(uuid4(),)).needs_full_replica
