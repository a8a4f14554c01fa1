"""States of an import: its file is read and checked, then previewed or applied."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class ImportState(StrEnum):
    """State of an import. A worker is due in `validating` and `applying`, a person in `preview`; the rest are final."""

    VALIDATING = "validating"
    PREVIEW = "preview"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Return whether nothing more happens to the import."""
        return self in (ImportState.APPLIED, ImportState.REFUSED, ImportState.FAILED)


@dataclass(slots=True)
class ImportCounts:
    """Effect of a file on the roster.

    `rows` counts all rows that are not blank, including `rows_refused`. `students_new`, `students_changed` and
    `unchanged` count students. `siblings_linked` counts the links that the matching rule made.
    """

    rows: int = 0
    rows_refused: int = 0
    students_new: int = 0
    students_changed: int = 0
    unchanged: int = 0
    parents_new: int = 0
    siblings_linked: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def state_after_reading(
    *, dry_run: bool, skip_bad_rows: bool, unreadable: bool, counts: ImportCounts
) -> ImportState:
    """Return the state that follows `validating`.

    A file with a bad row is refused as a whole unless bad rows are to be skipped. A dry run stops in `preview`.
    """
    if unreadable:
        return ImportState.REFUSED
    if dry_run:
        return ImportState.PREVIEW
    if counts.rows_refused and not skip_bad_rows:
        return ImportState.REFUSED
    return ImportState.APPLYING
