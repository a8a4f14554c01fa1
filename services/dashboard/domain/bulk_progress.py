"""Progress of bulk runs and imports as pages show it, with readable labels for counts and reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts.explanations import contact_noun

SKIP_REASONS = {
    "signed_up": "have signed up already",
    "declined": "have declined",
    "opted_out": "take no more messages",
    "cool_down": "had a message less than a day ago",
    "restricted": "have no right of access to a child",
    "removed": "are no longer on the roster",
    "not_known_yet": "were added a moment ago and have not arrived yet",
    "no_credentials": "have no username issued yet",
    "message_cap": "have had all the messages an address may get",
    "too_soon": "were re-invited less than a minute ago",
    "not_sent": "were withdrawn, removed or invited anew before the morning in which their message was due",
    "cancelled": "were left when the run was cancelled",
}
COUNT_LABELS = {
    "rows": "Rows read",
    "rows_refused": "Rows left out",
    "students_new": "New students",
    "students_changed": "Students changed",
    "parents_new": "New parents",
    "siblings_linked": "Linked as siblings",
    "unchanged": "As they were",
}


def label_counts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the counts of an import that are not zero with their labels, known names first.

    A name that this version does not know is its own label.
    """
    names = [*COUNT_LABELS, *sorted(set(counts) - set(COUNT_LABELS))]
    labelled = [
        (COUNT_LABELS.get(name, name.replace("_", " ").capitalize()), counts.get(name, 0)) for name in names
    ]
    return [(label, count) for label, count in labelled if count]


def describe_skip_reason(reason: str, channel: str) -> str:
    """Return the text that completes "12 parents …"; a reason that this version does not know is its own text."""
    if reason == "no_contact":
        return f"have no {contact_noun(channel)} on file"
    return SKIP_REASONS.get(reason, reason.replace("_", " "))


@dataclass(frozen=True, slots=True)
class BulkRun:
    """Counts of parents: selected = pending + messaged + skipped (by reason) + failed (by reason)."""

    bulk_id: str | None
    state: str
    selected: int
    pending: int
    messaged: int
    waiting: int
    to_message: int
    channel: str
    skipped: Mapping[str, int]
    failed: Mapping[str, int]

    @property
    def running(self) -> bool:
        """Whether the run goes on by itself."""
        return self.state in ("selecting", "running")

    @property
    def done(self) -> int:
        """Number of parents that are dealt with."""
        return self.selected - self.pending


@dataclass(frozen=True, slots=True)
class RowError:
    """Row of a file that could not be read; `row` counts from 1, the heading included."""

    row: str
    column: str
    value: str = field(repr=False)
    message: str


@dataclass(frozen=True, slots=True)
class ImportRun:
    """Import of a file; `counts` are by what happened to a row or record."""

    import_id: str
    state: str
    counts: Mapping[str, int]
    errors: Sequence[RowError]

    @property
    def busy(self) -> bool:
        """Whether roster is still working on the file."""
        return self.state in ("validating", "applying")
