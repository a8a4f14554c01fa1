"""Batches of a bulk run: how many transactions it took, since small ones cost as much as large ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bench.database import Rows
from tests.support.stack import SERVICES

# Both times are those at which the transaction began.
_READ = """
SELECT consumer::text AS name, count(*) AS records, count(DISTINCT passed_at) AS transactions
  FROM {}.inbox WHERE passed_at >= $1 GROUP BY 1 ORDER BY 1
"""
_EMITTED = """
SELECT '{} emits, ' || lane AS name, count(*) AS records, count(DISTINCT created_at) AS transactions
  FROM {}.outbox WHERE created_at >= $1 GROUP BY lane ORDER BY lane
"""
_COMMITTED = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True, slots=True)
class Batch:
    """Number of `records` that a consumer group read, or a service emitted on a lane, in so many transactions."""

    name: str
    records: int
    transactions: int

    @property
    def size(self) -> float:
        """Return the average number of records per transaction."""
        return self.records / self.transactions


async def batches(rows: Rows, since: datetime) -> list[Batch]:
    """Return the batches of everything that began at `since` (the database's clock), service by service."""
    batches_found = []
    for service in SERVICES:
        for statement in (_READ, _EMITTED):
            batches_found += [Batch(**row) for row in await rows(statement.format(service, service), since)]
    return batches_found


async def transactions(rows: Rows) -> int:
    """Return the number of commits in the whole database; the last of idle sessions may be missing for a second."""
    ((committed,),) = await rows(_COMMITTED)
    return int(committed)
