"""Evidence for the oracle, collected once all work has ended: plain values that a test can tamper with."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from tests.faults.campaign.ledger import Ledger
from tests.faults.campaign.topics import Record
from tests.faults.campaign.world import Disturbance
from tests.support.stack import SERVICES
from tests.support.stack.mailbox import ARRIVALS

Row = dict[str, Any]
TOKEN = re.compile(r"/(?:verify|join)/([\w-]{22})$")
_TABLES = (
    *(f"{service}.{table}" for service in SERVICES for table in ("outbox", "inbox", "dead_letter")),
    "roster.students",
    "roster.parents",
    "roster.imports",
    "invitations.parents",
    "invitations.invitations",
    "invitations.bulk_runs",
    "invitations.bulk_items",
    "invitations.requested_invitations",
    "notifier.messages",
    "notifier.attempts",
    "signup.parents",
    "signup.students",
    "signup.submissions",
    "signup.accounts",
    "signup.memberships",
    "dashboard.parents",
    "dashboard.students",
    "dashboard.links",
    "dashboard.timeline",
)
# Messages that are not published yet, as if they were a table.
_PENDING = """
SELECT outbox.lane, id
  FROM {service}.outbox_runs AS run
  JOIN {service}.outbox ON outbox.lane = run.lane AND id BETWEEN first_id AND last_id
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One copy of a message as the provider accepted it.

    `at` is in seconds since 1970, `tokens` are those of its links.
    """

    at: float
    channel: str
    to: str
    message_id: str
    tokens: tuple[str, ...]


@dataclass(slots=True)
class Evidence:
    """The ledger, the topics, the tables (`schema.table`), what providers accepted, and what may excuse a second
    copy.

    `played` has how addresses behaved; `crashes` the log lines in which a process of ours reported a bug.
    """

    ledger: Ledger
    records: list[Record] = field(default_factory=list)
    tables: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    arrivals: list[Arrival] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    address_behaviours: dict[str, str] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)

    def table(self, name: str) -> list[Row]:
        return self.tables.get(name, [])


async def collect(database: str, ledger: Ledger) -> Evidence:
    """Read the tables."""
    evidence = Evidence(ledger)
    connection = await asyncpg.connect(database)
    try:
        queries = {table: f"SELECT * FROM {table}" for table in _TABLES}
        queries |= {f"{service}.outbox_pending": _PENDING.format(service=service) for service in SERVICES}
        for table, query in queries.items():
            rows = await connection.fetch(query)
            evidence.tables[table] = [{name: _plain(value) for name, value in row.items()} for row in rows]
    finally:
        await connection.close()
    return evidence


def read_files(evidence: Evidence, directory: Path) -> None:
    """Add what is in files: crashes from the log of each process, and the arrivals that the mailbox recorded."""
    evidence.arrivals = list(arrivals(directory / ARRIVALS))
    evidence.crashes = [line for log in sorted(directory.glob("*.log")) for line in _crashes(log)]


def arrivals(file: Path) -> Iterable[Arrival]:
    """Yield the arrivals in a file. A line that a kill cut off belongs to an email that was never acknowledged."""
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            note = json.loads(line)
        except ValueError:
            continue
        tokens = tuple(match[1] for link in note["links"] if (match := TOKEN.search(link)))
        yield Arrival(note["at"], note["channel"], note["to"], parse_message_id(note["key"]), tokens)


def parse_message_id(key: str) -> str:
    """Return the notifier's message id from the Message-ID of an email, or from the status callback URL of a text."""
    name = key.strip("<>").partition("@")[0]
    try:
        return str(UUID(name))
    except ValueError:
        return key


def _crashes(log: Path) -> list[str]:
    lines = log.read_text(errors="replace").splitlines()
    return [f"{log.stem}: {line[:400]}" for line in lines if "process.crashed" in line]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, UUID) else value
