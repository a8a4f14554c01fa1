"""An import's life: read and checked, then shown or applied."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class ImportState(StrEnum):
    """`validating` and `applying` are at work; `preview` waits for a person; the others are final."""

    VALIDATING = "validating"
    PREVIEW = "preview"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(slots=True)
class Counts:
    """What a file does to the roster. `rows` = rows taken + `rows_refused`; blank rows are not counted.

    `students_new`, `students_changed` and `unchanged` count pupils; `siblings_linked` the links that the rule made.
    """

    rows: int = 0
    rows_refused: int = 0
    students_new: int = 0
    students_changed: int = 0
    unchanged: int = 0
    parents_new: int = 0
    siblings_linked: int = 0

    def plain(self) -> dict[str, int]:
        """By name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def after_reading(*, dry_run: bool, skip_bad_rows: bool, unreadable: bool, counts: Counts) -> ImportState:
    """All or nothing, unless bad rows are to be skipped; a dry run stops to be looked at."""
    if unreadable:
        return ImportState.REFUSED
    if dry_run:
        return ImportState.PREVIEW
    if counts.rows_refused and not skip_bad_rows:
        return ImportState.REFUSED
    return ImportState.APPLYING
