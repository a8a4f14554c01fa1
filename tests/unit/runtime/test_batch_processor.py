"""Offsets that cannot be noted are no failure: their records are read again, and the inbox passes what is done."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError

from shared.runtime.database import Database
from shared.runtime.messaging import Subscription
from shared.runtime.messaging.inbox.batch_processor import BatchProcessor
from shared.runtime.observability import Health

RECORD = SimpleNamespace(topic="roster.parent", partition=0, offset=7, key=b"", value=b"", headers=())


class _Consumer:
    def __init__(self, failure: Exception) -> None:
        self._failure = failure
        self.asked = 0

    async def commit(self, _offsets: object) -> None:
        self.asked += 1
        raise self._failure


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> BatchProcessor:
    """One whose work is always done already."""

    async def done(_worker: BatchProcessor, _entries: Sequence[Any]) -> None:
        """Nothing is left to do."""

    monkeypatch.setattr(BatchProcessor, "_process", done)
    return BatchProcessor(Subscription("tests.on-roster", {}), cast(Database, None), Health().loop("test"), 0)


@pytest.mark.parametrize(
    "failure",
    [CommitFailedError(), IllegalStateError("x"), KafkaConnectionError(), TimeoutError(), AssertionError()],
    ids=lambda failure: type(failure).__name__,
)
async def test_i15_a_commit_of_offsets_that_fails_is_left(worker: BatchProcessor, failure: Exception) -> None:
    consumer = _Consumer(failure)
    await worker.consume([cast(Any, RECORD)], cast(Any, consumer))
    assert consumer.asked == 1


async def test_any_other_failure_of_it_is_a_bug(worker: BatchProcessor) -> None:
    with pytest.raises(LookupError):
        await worker.consume([cast(Any, RECORD)], cast(Any, _Consumer(LookupError())))


async def test_aiokafka_asserts_where_no_broker_is_known() -> None:
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(AssertionError, match="bootstrap"):
        await client.coordinator_lookup(CoordinationType.GROUP, "tests.on-roster")
