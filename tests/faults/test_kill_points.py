"""A process is killed with SIGKILL at every point between a commit and its effect: nothing is lost or done twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.crash_process import POINTS
from tests.integration.runtime.driver import RuntimeDriver, added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

# A group waits for a killed member until its session ends: 30 s with Apache Kafka.
_RECOVERY_SECONDS = 90


@asynccontextmanager
async def _crash_process(
    point: str, environment: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.crash_process", point, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def have_effects(harness: RuntimeDriver, count: int) -> None:
    effects = await harness.effects()
    assert len(effects) >= count, f"{len(effects)} of {count}"


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_i1_i10_killed_between_commit_and_effect(
    point: str, database_url: str, broker: Broker, environment: dict[str, str]
) -> None:
    async with runtime_driver(database_url, broker) as harness:
        await harness.emit(*(added() for _ in range(100)))
        async with _crash_process(point, environment) as process:
            assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
        await harness.emit(*(added() for _ in range(100)))

        async with _crash_process("none", environment):
            await eventually(lambda: have_effects(harness, 200), within_seconds=_RECOVERY_SECONDS)
            await harness.emit(added())
            await eventually(lambda: have_effects(harness, 201), within_seconds=30)
        effects = await harness.effects()
        assert len(effects) == len({effect.message_id for effect in effects}) == 201
        assert await harness.dead_letters() == []
