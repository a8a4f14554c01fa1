"""Tests of the states and counts of an import."""

from __future__ import annotations

import pytest

from services.roster.domain.import_state import ImportCounts, ImportState, state_after_reading


@pytest.mark.parametrize(
    ("dry_run", "skip_bad_rows", "unreadable", "rows_refused", "expected"),
    [
        (False, False, False, 0, ImportState.APPLYING),
        (False, False, False, 1, ImportState.REFUSED),
        (False, True, False, 1, ImportState.APPLYING),
        (True, False, False, 0, ImportState.PREVIEW),
        (True, False, False, 1, ImportState.PREVIEW),
        (True, True, True, 0, ImportState.REFUSED),
        (False, True, True, 0, ImportState.REFUSED),
    ],
)
def test_the_state_after_reading_follows_from_the_options_and_the_bad_rows(
    dry_run: bool, skip_bad_rows: bool, unreadable: bool, rows_refused: int, expected: ImportState
) -> None:
    counts = ImportCounts(rows=3, rows_refused=rows_refused)
    state = state_after_reading(
        dry_run=dry_run, skip_bad_rows=skip_bad_rows, unreadable=unreadable, counts=counts
    )
    assert state is expected


def test_only_three_states_are_final() -> None:
    final = {state for state in ImportState if state.is_final}
    assert final == {ImportState.APPLIED, ImportState.REFUSED, ImportState.FAILED}


def test_counts_begin_at_zero_and_are_known_by_name() -> None:
    assert ImportCounts().as_dict() == {
        "rows": 0,
        "rows_refused": 0,
        "students_new": 0,
        "students_changed": 0,
        "unchanged": 0,
        "parents_new": 0,
        "siblings_linked": 0,
    }
    assert ImportCounts(rows=2, siblings_linked=1).as_dict()["siblings_linked"] == 1
