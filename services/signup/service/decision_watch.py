"""Waiting for a decision: the rows of all who wait are read in one query, at least every 50 ms."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from uuid import UUID

from services.signup.service.results import find_decided
from shared.runtime.core import is_transient
from shared.runtime.database import Database

POLL_SECONDS = 0.05


class DecisionWatch:
    """Watches rows of submissions; only the row tells the outcome, so that any replica may have handled the decision.

    An async context manager; closing ends every wait.
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
        """Look at once: decisions were committed in this process."""
        self._wake.set()

    async def wait(self, submission_id: UUID, seconds: float) -> bool:
        """Whether the submission was decided within `seconds`. Holds no transaction while it waits."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(submission_id, []).append(future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._leave(submission_id, future)
        return True

    async def _watch(self) -> None:
        while self._waiting:
            try:
                async with self._database.transaction() as transaction:
                    decided = await find_decided(transaction, list(self._waiting))
            except Exception as error:
                if not is_transient(error):
                    raise
                decided = set()
            for submission_id in decided:
                for future in self._waiting.pop(submission_id, []):
                    if not future.done():
                        future.set_result(None)
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _leave(self, submission_id: UUID, future: asyncio.Future[None]) -> None:
        futures = self._waiting.get(submission_id, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(submission_id, None)
