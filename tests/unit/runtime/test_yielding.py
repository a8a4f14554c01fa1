"""Groups that only copy facts let what somebody waits for go first."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.runtime.database import Database
from shared.runtime.messaging import Subscription
from shared.runtime.messaging.inbox.batch_processor import BatchProcessor
from shared.runtime.messaging.inbox.kafka_consumers import BULK_RECORDS
from shared.runtime.observability import Health

HOUR = 3_600.0
TURNS = 10


class BegunError(Exception):
    """The work on a batch has begun."""


class NoDatabase:
    """A database that only says that it was asked."""

    def transaction(self, **_: object) -> None:
        """Raises BegunError."""
        raise BegunError


def _worker(yields_seconds: float) -> BatchProcessor:
    subscription = Subscription("tests.on-roster", {})
    return BatchProcessor(subscription, cast(Database, NoDatabase()), Health().loop("test"), 0)


def _records(count: int) -> list[Any]:
    return [
        SimpleNamespace(topic="roster.parent", partition=0, offset=offset, key=b"", value=b"", headers=())
        for offset in range(count)
    ]


async def _turns(waiting: asyncio.Task[None]) -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if waiting.done():
            return


async def test_a_few_records_wait() -> None:
    waiting = asyncio.create_task(_worker(HOUR).consume(_records(BULK_RECORDS - 1), cast(Any, None)))
    await _turns(waiting)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(("yields_seconds", "count"), [(HOUR, BULK_RECORDS), (0.0, 1)])
async def test_many_records_and_groups_that_do_not_yield_begin_at_once(
    yields_seconds: float, count: int
) -> None:
    working = asyncio.create_task(_worker(yields_seconds).consume(_records(count), cast(Any, None)))
    await _turns(working)
    assert working.done()
    with pytest.raises(BegunError):
        await working
