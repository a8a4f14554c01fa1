"""Rows that raise when they are worked on: counted, and set aside when they have ended the process twice.

The table is `failed_rows` of the service's schema. It is empty unless there is a bug.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from shared.runtime.core.errors import is_transient
from shared.runtime.database.transaction import Database, Transaction
from shared.runtime.observability.logging import get_logger, traceback_locations

MAX_FAILURES = 2
log = get_logger("rows")
Batch = Callable[[int, list[UUID]], Awaitable[bool]]
"""Function that claims rows up to a limit, adds their ids to the list before it works on them, and returns whether
more are due."""
_RECORD = text(
    """
    INSERT INTO failed_rows AS failed (task, row_id, reason) VALUES (:task, :row_id, :reason)
    ON CONFLICT (task, row_id) DO UPDATE
       SET failures = failed.failures + 1, reason = excluded.reason, failed_at = now(),
           set_aside_at = CASE WHEN failed.failures + 1 >= :limit THEN coalesce(failed.set_aside_at, now()) END
    RETURNING set_aside_at IS NOT NULL
    """
)
_LIST = text(
    """
    SELECT task, row_id, failures, reason, failed_at, set_aside_at FROM failed_rows
     WHERE set_aside_at IS NOT NULL ORDER BY set_aside_at, row_id LIMIT :limit
    """
)
_RELEASE = text("DELETE FROM failed_rows WHERE task = :task AND row_id = :row_id RETURNING row_id")
_EXISTS = text("SELECT to_regclass('failed_rows') IS NOT NULL")


def not_set_aside(task: str, column: str) -> str:
    """Return the condition of a claim that leaves out the rows of a task that are set aside.

    `column` is the id of the claimed table. The list is read once per statement, so the plan of the claim stays.
    """
    return (
        f"{column} <> ALL (ARRAY(SELECT row_id FROM failed_rows "
        f"WHERE task = '{task}' AND set_aside_at IS NOT NULL))"
    )


class RowFailures:
    """Failures of the rows that one task claims."""

    def __init__(self, database: Database, task: str) -> None:
        self._database = database
        self._task = task

    async def run(self, batch: Batch, limit: int) -> bool:
        """Run a batch of up to `limit` rows; if it fails, run its rows one by one. Returns whether more are due.

        Raises the error of a row after it was recorded, and transient failures as they are.
        """
        claimed: list[UUID] = []
        try:
            return await batch(limit, claimed)
        except Exception as error:
            if is_transient(error) or not claimed:
                raise
            if len(claimed) == 1:
                await self.record(claimed[0], error)
                raise
            log.warning("batch.split", task=self._task, rows=len(claimed), reason=describe_failure(error))
        for _ in claimed:
            await self.run(batch, 1)
        return True

    async def record(self, row_id: UUID, error: BaseException) -> bool:
        """Count a failure of a row in a transaction of its own; return whether the row is set aside from now on."""
        reason = describe_failure(error)
        async with self._database.transaction() as tx:
            values = {"task": self._task, "row_id": row_id, "reason": reason, "limit": MAX_FAILURES}
            set_aside = bool(await tx.scalar(_RECORD, values))
        log.error(
            "row.set_aside" if set_aside else "row.failed", task=self._task, row_id=str(row_id), reason=reason
        )
        return set_aside


def describe_failure(error: BaseException) -> str:
    """Return the class of an error and the last place in its traceback, without any value of the row."""
    place = traceback_locations(error)[-1:]
    return " at ".join([type(error).__name__, *place])


async def list_set_aside(tx: Transaction, limit: int = 1_000) -> Sequence[Row[Any]]:
    """Return the rows that are set aside, the oldest first; none in a service without the table."""
    if not await tx.scalar(_EXISTS):
        return []
    rows: Sequence[Row[Any]] = await tx.rows(_LIST, {"limit": limit})
    return rows


async def release_row(tx: Transaction, task: str, row_id: UUID) -> bool:
    """Make a row due again that was set aside. Returns False if there is none."""
    if not await tx.scalar(_EXISTS):
        return False
    return await tx.scalar(_RELEASE, {"task": task, "row_id": row_id}) is not None
