"""Database or broker away for a while: acknowledged writes take effect once, and nothing is parked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import SQLAlchemyError

from shared.runtime.migrations import migrate
from tests.faults.test_kill_points import have_effects
from tests.integration.runtime.driver import RuntimeDriver, added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.brokers.kafka import KafkaFromJars
from tests.support.postgres import Cluster
from tests.support.waiting import eventually

_VERSIONS = Path(__file__).parents[2] / "services"
_RECOVERY_SECONDS = 90


@pytest.fixture
async def mortal_cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Yield a PostgreSQL that this test may kill, with the two schemas it needs in the database `kinvite`."""
    cluster = Cluster(tmp_path)
    for service in ("roster", "invitations"):
        versions = _VERSIONS / service / "migrations" / "versions"
        url = cluster.url("kinvite")
        await migrate(cluster.owner_url("kinvite"), service, versions, application_url=url)
    yield cluster
    cluster.stop()


async def _emit_for_the_ledger(harness: RuntimeDriver, count: int) -> tuple[set[UUID], set[UUID]]:
    """Emit events; return the parents whose commit was acknowledged, and those whose outcome is unknown."""
    acknowledged: set[UUID] = set()
    unknown: set[UUID] = set()
    for _ in range(count):
        parent_id = uuid4()
        try:
            await harness.emit(added(parent_id))
        except (SQLAlchemyError, OSError):
            unknown.add(parent_id)
        else:
            acknowledged.add(parent_id)
    return acknowledged, unknown


async def _reach(harness: RuntimeDriver, effects: int) -> None:
    await eventually(lambda: have_effects(harness, effects), within_seconds=_RECOVERY_SECONDS)


@pytest.mark.slow
async def test_i15_the_database_is_killed_under_load(mortal_cluster: Cluster, broker: Broker) -> None:
    async with (
        runtime_driver(mortal_cluster.url("kinvite"), broker) as harness,
        harness.relaying(),
        harness.consuming(),
    ):
        acknowledged: set[UUID] = set()
        unknown: set[UUID] = set()
        for _ in range(3):
            writing = asyncio.create_task(_emit_for_the_ledger(harness, 150))
            await _reach(harness, len(acknowledged) + 20)
            await asyncio.to_thread(mortal_cluster.kill)
            await asyncio.to_thread(mortal_cluster.start)
            sure, unsure = await writing
            acknowledged |= sure
            unknown |= unsure
        await _reach(harness, len(acknowledged))
        seen = [effect.parent_id for effect in await harness.effects()]
        assert len(seen) == len(set(seen))
        assert acknowledged <= set(seen) <= acknowledged | unknown
        assert await harness.dead_letters() == []
        assert harness.bugs == []


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
async def test_i6_the_broker_is_killed_and_writes_are_accepted_while_it_is_away(
    database_url: str, broker: Broker
) -> None:
    kafka = broker.running
    if not isinstance(kafka, KafkaFromJars):
        pytest.skip("Apache Kafka here is not ours to kill")
    async with runtime_driver(database_url, broker) as harness, harness.relaying(), harness.consuming():
        await harness.emit(*(added() for _ in range(200)))
        await _reach(harness, 1)
        await asyncio.to_thread(kafka.kill)
        await harness.emit(*(added() for _ in range(200)))
        await asyncio.to_thread(kafka.start)
        await _reach(harness, 400)
        effects = await harness.effects()
        assert len(effects) == len({effect.message_id for effect in effects}) == 400
        assert await harness.dead_letters() == []
        assert harness.bugs == []
