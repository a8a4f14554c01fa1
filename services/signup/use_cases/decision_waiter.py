"""Wait for decisions on submissions. One query, at least every 50 ms, serves all who wait."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from uuid import UUID

from services.signup.storage import submissions
from shared.runtime.core import is_transient
from shared.runtime.database import Database

POLL_SECONDS = 0.05


class DecisionWaiter:
    """Waiter for decisions. It polls the rows of submissions, so that any process may have handled the decision.

    An async context manager; closing it ends all waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[UUID, list[asyncio.Future[None]]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Poll at once, because this process has committed decisions."""
        self._wake.set()

    async def wait(self, submission_id: UUID, seconds: float) -> bool:
        """Wait up to `seconds` and return whether the submission is decided. No transaction is open during the wait."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(submission_id, []).append(future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._remove(submission_id, future)
        return True

    async def _poll(self) -> None:
        while self._waiting:
            for submission_id in await self._list_decided():
                for future in self._waiting.pop(submission_id, []):
                    if not future.done():
                        future.set_result(None)
            await self._pause()

    async def _list_decided(self) -> set[UUID]:
        try:
            async with self._database.transaction() as tx:
                return await submissions.list_decided(tx, list(self._waiting))
        except Exception as error:
            if not is_transient(error):
                raise
            return set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _remove(self, submission_id: UUID, future: asyncio.Future[None]) -> None:
        futures = self._waiting.get(submission_id, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(submission_id, None)
