"""Periodic work: processing of imports."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from services.roster.storage.imports import ImportClaim, claim_import
from services.roster.use_cases.process_import import ClaimLostError, end_failed_import, process_import
from shared.runtime.background import PeriodicTask
from shared.runtime.core import is_transient
from shared.runtime.database import Database, RowFailures
from shared.runtime.observability import get_logger

SLICE_SECONDS = 5.0
log = get_logger("roster.imports")


class ImportWorker:
    """Worker that processes one import at a time.

    `task` claims imports and waits for the running one in slices of SLICE_SECONDS, so that it reports progress however
    long a file takes. Closing the context manager stops the work at once; the next worker claims the import when the
    claim has expired.
    """

    def __init__(self, database: Database, *, poll_seconds: float) -> None:
        self._database = database
        self._work: asyncio.Task[None] | None = None
        self.task = PeriodicTask("imports", poll_seconds, self._poll)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._work

    async def _poll(self) -> bool:
        """Claim an import if none is running, then wait for it; return whether there was one."""
        if self._work is None:
            async with self._database.transaction() as tx:
                claim = await claim_import(tx)
            if claim is None:
                return False
            log.info("import.claimed", import_id=str(claim.import_id), state=claim.state, claims=claim.claims)
            self._work = asyncio.create_task(self._process(claim), name="import")
        done, _ = await asyncio.wait({self._work}, timeout=SLICE_SECONDS)
        if done:
            work, self._work = self._work, None
            try:
                await work
            except ClaimLostError:
                log.info("import.claim_lost")
        return True

    async def _process(self, claim: ImportClaim) -> None:
        """Process an import; one that raises what is no transient failure twice is set aside and ended as failed."""
        try:
            await process_import(self._database, claim)
        except ClaimLostError:
            raise
        except Exception as error:
            if is_transient(error):
                raise
            if await RowFailures(self._database, "imports").record(claim.import_id, error):
                await end_failed_import(self._database, claim)
            raise
