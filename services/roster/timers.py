"""Work that nobody waits for: imports."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from services.roster.service.importing import ClaimLostError, run_import
from services.roster.storage.imports import claim_import
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database
from shared.runtime.observability import get_logger

SLICE_SECONDS = 5.0
log = get_logger("roster.imports")


class ImportWorker:
    """Works on one import at a time; `timer` shows progress in slices, however long a file takes.

    An async context manager: closing stops the work at once, and the next worker takes it up after the claim's time.
    """

    def __init__(self, database: Database, *, poll_seconds: float) -> None:
        self._database = database
        self._work: asyncio.Task[None] | None = None
        self.timer = PeriodicTask("imports", poll_seconds, self._look)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._work

    async def _look(self) -> bool:
        if self._work is None:
            async with self._database.transaction() as tx:
                claim = await claim_import(tx)
            if claim is None:
                return False
            log.info("import.claimed", import_id=str(claim.import_id), state=claim.state, claims=claim.claims)
            self._work = asyncio.create_task(run_import(self._database, claim), name="import")
        done, _ = await asyncio.wait({self._work}, timeout=SLICE_SECONDS)
        if done:
            work, self._work = self._work, None
            try:
                await work
            except ClaimLostError:
                log.info("import.claim_lost")
        return True
