"""When each stage of a bulk run began and ended, from what the services wrote down themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bench.database import Rows

_OUTBOX = (
    "SELECT '{name}', min({column}), max({column}), count(*) FROM {service}.outbox WHERE created_at >= $1"
)
_INBOX = "SELECT '{name}', min(passed_at), max(passed_at), count(*) FROM {service}.inbox WHERE passed_at >= $1 {which}"
_SENT = """
SELECT 'notifier: mail accepted', min(ended_at), max(ended_at), count(*) FROM notifier.attempts WHERE ended_at >= $1
"""
_COMMANDS = " AND topic = 'notifier.commands.bulk'"


@dataclass(frozen=True, slots=True)
class Stage:
    """`first` and `last` are seconds after the begin of the run; `records` is how many passed."""

    name: str
    first: float
    last: float
    records: int


def _statements() -> list[str]:
    outbox, inbox = _OUTBOX.format, _INBOX.format
    return [
        outbox(name="roster: import written", column="created_at", service="roster"),
        inbox(name="invitations: has the parents", service="invitations", which=_of("invitations.on-roster")),
        outbox(name="invitations: commands made", column="created_at", service="invitations") + _COMMANDS,
        inbox(name="notifier: has the commands", service="notifier", which=""),
        _SENT,
        outbox(name="notifier: outcome told", column="created_at", service="notifier"),
        inbox(
            name="invitations: has the outcome", service="invitations", which=_of("invitations.on-notifier")
        ),
        inbox(name="signup: has the links", service="signup", which=_of("signup.on-invitations")),
        inbox(name="dashboard: shows the parents", service="dashboard", which=_of("dashboard.on-roster")),
        inbox(name="dashboard: shows the outcome", service="dashboard", which=_of("dashboard.on-notifier")),
    ]


def _of(group: str) -> str:
    return f"AND consumer = '{group}'"


async def stages(rows: Rows, since: datetime) -> list[Stage]:
    """The stages of what began at `since` (the database's clock), in the order of the walk; none for no records."""
    found = []
    for statement in _statements():
        (row,) = await rows(statement, since)
        name, first, last, records = row
        if first is not None and last is not None:
            found.append(
                Stage(name, (first - since).total_seconds(), (last - since).total_seconds(), records)
            )
    return found
