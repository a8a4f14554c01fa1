"""Killed with SIGKILL at every point between a commit and its effect: nothing is lost, nothing is done twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.victim import POINTS
from tests.integration.runtime.driver import Stage, added, stage
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

# A group waits for a killed member until its session ends: 30 s with Apache Kafka.
_RECOVERY_SECONDS = 90


@asynccontextmanager
async def _victim(point: str, environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.victim", point, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def have_effects(scene: Stage, count: int) -> None:
    effects = await scene.effects()
    assert len(effects) >= count, f"{len(effects)} of {count}"


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_i1_i10_killed_between_commit_and_effect(
    point: str, database_url: str, broker: Broker, environment: dict[str, str]
) -> None:
    async with stage(database_url, broker) as scene:
        await scene.emit(*(added() for _ in range(100)))
        async with _victim(point, environment) as killed:
            assert await asyncio.wait_for(killed.wait(), 60) == -signal.SIGKILL
        await scene.emit(*(added() for _ in range(100)))

        async with _victim("none", environment):
            await eventually(lambda: have_effects(scene, 200), within_seconds=_RECOVERY_SECONDS)
            await scene.emit(added())
            await eventually(lambda: have_effects(scene, 201), within_seconds=30)
        effects = await scene.effects()
        assert len(effects) == len({effect.message_id for effect in effects}) == 201
        assert await scene.dead_letters() == []
