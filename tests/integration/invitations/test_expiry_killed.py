"""An expiry is announced once and never early, also if the process that announces it is killed."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from shared.contracts.invitations import InvitationExpired
from tests.integration.invitations.driver import InvitationsDriver
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.postgres import as_owner
from tests.support.processes import free_port
from tests.support.stack.part import Part
from tests.support.waiting import eventually

_DUE = "UPDATE invitations SET expires_at = now() + make_interval(secs => :seconds) WHERE parent_id = ANY(:parents)"
_EARLY = """
SELECT count(*) FROM outbox JOIN invitations ON invitation_id = CAST(data::json ->> 'invitation_id' AS uuid)
 WHERE headers::text LIKE '%invitation.expired%' AND outbox.created_at < expires_at
"""
_COUNT = "SELECT count(*) FROM outbox WHERE headers::text LIKE '%invitation.expired%'"
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'invitations.outbox'::regclass"


@pytest.fixture
def scheduler(database_url: str, tmp_path: Path) -> Iterator[Part]:
    """Return a worker that is not started yet; its messages stay in the outbox, because there is no broker."""
    port = free_port()
    environment = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "KINVITE_HTTP_PORT": str(port),
        "INVITATIONS_EXPIRY_POLL_MILLISECONDS": "50",
    }
    start = [sys.executable, "-m", "services.invitations", "worker"]
    part = Part("invitations", port, start, tmp_path / "invitations.log", environment=environment)
    yield part
    part.kill()


@asynccontextmanager
async def _block_announcements(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Make every process that announces an expiry wait in its transaction until the block ends."""
    address = make_url(as_owner(database_url)).set(drivername="postgresql").render_as_string()
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("BEGIN; LOCK TABLE invitations.outbox IN SHARE MODE")
        yield connection
    finally:
        await connection.close()


async def _announced(driver: InvitationsDriver) -> list[UUID]:
    return sorted(event.parent_id for event in await driver.emitted(InvitationExpired))


async def test_i25_an_expiry_is_announced_once_and_not_early_though_its_scheduler_is_killed(
    driver: InvitationsDriver, database_url: str, scheduler: Part
) -> None:
    expired, soon, later = [[await driver.add_invited_parent() for _ in range(3)] for _ in range(3)]
    expired_ids, soon_ids, later_ids = (
        sorted(record.parent_id for record in records) for records in (expired, soon, later)
    )
    await driver.sql(_DUE, seconds=-1.0, parents=expired_ids)
    async with _block_announcements(database_url) as connection:
        scheduler.start()
        await eventually(lambda: _counts(connection, _WAITING), within_seconds=60)
        scheduler.kill()
    assert await _announced(driver) == []
    await driver.sql(_DUE, seconds=5.0, parents=soon_ids)
    for expected in (expired_ids, sorted([*expired_ids, *soon_ids])):
        scheduler.start()
        await eventually(partial(_has_announced, driver, expected), within_seconds=60)
        scheduler.kill()
    # The last process would repeat an announcement that it did not recognise as made.
    await driver.sql(_DUE, seconds=-1.0, parents=later_ids[:1])
    scheduler.start()
    everybody = sorted([*expired_ids, *soon_ids, later_ids[0]])
    await eventually(partial(_has_announced, driver, everybody), within_seconds=60)
    ((early,),) = await driver.sql(_EARLY)
    ((announced,),) = await driver.sql(_COUNT)
    assert (early, announced) == (0, len(everybody))


async def _counts(connection: asyncpg.Connection, statement: str) -> bool:
    return bool(await connection.fetchval(statement))


async def _has_announced(driver: InvitationsDriver, expected: list[UUID]) -> bool:
    """Return whether all of these, and perhaps others, are announced."""
    return set(expected) <= set(await _announced(driver))
