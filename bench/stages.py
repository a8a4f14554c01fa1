"""Stages of a bulk run: when each began and ended, read from the services' own tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bench.database import Rows

_OUTBOX = "SELECT min(created_at), max(created_at), count(*) FROM {}.outbox WHERE created_at >= $1"
_INBOX = (
    "SELECT min(passed_at), max(passed_at), count(*) FROM {}.inbox WHERE passed_at >= $1 AND consumer = '{}'"
)
_TAKEN = "SELECT min(finished_at), max(finished_at), count(*) FROM notifier.messages WHERE finished_at >= $1"


def _inbox(group: str) -> str:
    return _INBOX.format(group.partition(".")[0], group)


_STAGES = {
    "roster: import written": _OUTBOX.format("roster"),
    "invitations: has the parents": _inbox("invitations.on-roster"),
    "invitations: commands made": f"{_OUTBOX.format('invitations')} AND topic = 'notifier.commands.bulk'",
    "notifier: has the commands": _inbox("notifier.on-commands-bulk"),
    "notifier: mail accepted, recorded": _TAKEN,
    "invitations: has the outcome": _inbox("invitations.on-notifier"),
    "signup: has the links": _inbox("signup.on-invitations"),
    "dashboard: shows the parents": _inbox("dashboard.on-roster"),
    "dashboard: shows the outcome": _inbox("dashboard.on-notifier"),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Stage of a run: `first` and `last` are seconds after its begin, `records` is how many passed."""

    name: str
    first: float
    last: float
    records: int


async def stages(rows: Rows, since: datetime) -> list[Stage]:
    """Return the stages since `since` (the database's clock), in order, without those that saw no record."""
    result = []
    for name, statement in _STAGES.items():
        ((first, last, records),) = await rows(statement, since)
        if first is not None and last is not None:
            result.append(
                Stage(name, (first - since).total_seconds(), (last - since).total_seconds(), records)
            )
    return result
