"""Tests of the worker that processes imports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from services.roster import schedule
from services.roster.schedule import ImportWorker
from services.roster.use_cases.process_import import ClaimLostError
from shared.runtime.observability import Health

WITHIN_SECONDS = 10


class MemoryImports:
    """Imports that wait for a worker, and those that were processed."""

    def __init__(self, waiting: int, failure: Exception | None = None) -> None:
        self.waiting = waiting
        self.failure = failure
        self.running = self.most_running = self.done = self.failed = 0
        self.proceed = asyncio.Event()
        self.changed = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> Any:
        yield None

    async def claim(self, _: object) -> Any:
        if not self.waiting:
            return None
        self.waiting -= 1
        return SimpleNamespace(import_id="id", state="validating", claims=1)

    async def process(self, *_: object) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.changed.set()
        try:
            await self.proceed.wait()
            if self.failure:
                self.failed += 1
                raise self.failure
            self.done += 1
        finally:
            self.running -= 1
            self.changed.set()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def _worker(monkeypatch: pytest.MonkeyPatch, imports: MemoryImports) -> ImportWorker:
    monkeypatch.setattr(schedule, "claim_import", imports.claim)
    monkeypatch.setattr(schedule, "process_import", imports.process)
    monkeypatch.setattr(schedule, "SLICE_SECONDS", 0.001)
    database: Any = imports
    return ImportWorker(database, poll_seconds=0.001)


async def test_imports_are_processed_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    imports = MemoryImports(waiting=3)
    imports.proceed.set()
    async with _worker(monkeypatch, imports) as worker:
        task = asyncio.create_task(worker.task.run(Health()))
        await imports.wait_until(lambda: imports.done == 3)
        task.cancel()
    assert (imports.most_running, imports.waiting) == (1, 0)


async def test_closing_stops_an_import_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    imports = MemoryImports(waiting=1)
    async with _worker(monkeypatch, imports) as worker:
        task = asyncio.create_task(worker.task.run(Health()))
        await imports.wait_until(lambda: imports.running == 1)
        task.cancel()
    assert (imports.running, imports.done) == (0, 0)


async def test_a_worker_whose_claim_was_lost_goes_on_with_the_next_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imports = MemoryImports(waiting=2, failure=ClaimLostError())
    imports.proceed.set()
    async with _worker(monkeypatch, imports) as worker:
        task = asyncio.create_task(worker.task.run(Health()))
        await imports.wait_until(lambda: imports.failed == 2)
        imports.failure = None
        imports.waiting = 1
        await imports.wait_until(lambda: imports.done == 1)
        task.cancel()
