"""Bulk runs and imports as the pages show them: what their owners told, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.dashboard.domain.words import contact_word

WHY_LEFT_OUT = {
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


COUNTED = {
    "rows": "Rows read",
    "rows_refused": "Rows left out",
    "students_new": "New students",
    "students_changed": "Students changed",
    "parents_new": "New parents",
    "siblings_linked": "Linked as siblings",
    "unchanged": "As they were",
}


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The counts of an import that say something, in words and in the order in which people ask."""
    order = [*COUNTED, *sorted(set(counts) - set(COUNTED))]
    named = [(COUNTED.get(name, name.replace("_", " ").capitalize()), counts.get(name, 0)) for name in order]
    return [(words, count) for words, count in named if count]


def why(reason: str, channel: str) -> str:
    """Completes "12 parents …"; a reason that this version does not know reads as its own name."""
    if reason == "no_contact":
        return f"have no {contact_word(channel)} on file"
    return WHY_LEFT_OUT.get(reason, reason.replace("_", " "))


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
        return self.state in ("selecting", "running")

    @property
    def done(self) -> int:
        return self.selected - self.pending


@dataclass(frozen=True, slots=True)
class RowError:
    """A row of a file that could not be read; `row` counts from 1, the heading included."""

    row: str
    column: str
    value: str = field(repr=False)
    message: str


@dataclass(frozen=True, slots=True)
class ImportRun:
    """`counts` by what happened to a row or record."""

    import_id: str
    state: str
    counts: Mapping[str, int]
    errors: Sequence[RowError]

    @property
    def busy(self) -> bool:
        return self.state in ("validating", "applying")
