"""Costs of SQL statements, from PostgreSQL's extension pg_stat_statements."""

import json
from dataclasses import dataclass

from tests.support.postgres import Cluster

OPTIONS = ("shared_preload_libraries=pg_stat_statements", "track_io_timing=on")
_SHOWN_CHARACTERS = 160
# The same statement of several roles counts as one.
_TOP = """
SELECT coalesce(json_agg(found), '[]') FROM (
    SELECT regexp_replace(query, '\\s+', ' ', 'g') AS text,
           sum(calls)::bigint AS calls,
           sum(total_exec_time) AS milliseconds,
           sum(rows)::bigint AS rows,
           sum(shared_blks_hit + shared_blks_read)::bigint AS blocks,
           sum(wal_bytes)::bigint AS wal_bytes
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '{database}')
    GROUP BY 1 ORDER BY milliseconds DESC LIMIT {limit}
) AS found
"""


_CALLS = """
SELECT sum(calls)::bigint FROM pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '{database}')
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """All calls of one statement: `milliseconds` in the executor, `blocks` read, and bytes of write-ahead log."""

    text: str
    calls: int
    milliseconds: float
    rows: int
    blocks: int
    wal_bytes: int

    def line(self) -> str:
        """Return one line of a table, with the average cost of a call."""
        mean, blocks = self.milliseconds / self.calls, self.blocks / self.calls
        return (
            f"{self.milliseconds:9.0f} ms {self.calls:8} calls {mean:8.3f} ms/call {self.rows:9} rows "
            f"{blocks:8.1f} blocks/call {self.wal_bytes / 2**20:7.1f} MiB WAL  {self.text[:_SHOWN_CHARACTERS]}"
        )


class StatementCounter:
    """Statement counts of one database of a cluster started with OPTIONS; counting costs a few per cent."""

    def __init__(self, cluster: Cluster, database: str) -> None:
        self._cluster = cluster
        self._database = database
        cluster.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def reset(self) -> None:
        """Reset the counts."""
        self._cluster.sql("SELECT pg_stat_statements_reset()")

    def top(self, limit: int = 20) -> list[Statement]:
        """Return the statements that took most time since the reset, the most expensive first."""
        return [
            Statement(**row)
            for row in json.loads(
                self._cluster.sql(_TOP.format(database=self._database, limit=limit).replace("\n", " "))
            )
        ]

    def calls(self) -> int:
        """Return the number of statements since the reset, including the begin and end of transactions."""
        return int(self._cluster.sql(_CALLS.format(database=self._database).replace("\n", " ")))
