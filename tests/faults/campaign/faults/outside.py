"""Faults that need no process to die: bad providers, an operator's republishing, weeks that are over at once."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from shared.runtime.database import Database
from shared.runtime.messaging.outbox.republish import republish
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World
from tests.support.stack.stack import DATABASE

# How often an address behaves so before it behaves well; None is for ever.
BEHAVIOURS: dict[str, int | None] = {
    "hang": 1,
    "throttle": 1,
    "refuse": None,
    "delay": 2,
    "drop": 1,
    "silent": 1,
    "bounce": None,
}
_ADDRESSES = 4
_MAKE_DUE = """
UPDATE invitations.invitations SET expires_at = now() + interval '2 seconds'
 WHERE invitation_id IN (SELECT invitation_id FROM invitations.invitations
                          WHERE status IN ('awaiting_verification', 'invited') ORDER BY random() LIMIT 5)
RETURNING invitation_id
"""


def nothing() -> None:
    """There is nothing to take back."""


def spoil(world: World, fault: Fault) -> Undo:
    """The next addresses that offices write down behave badly."""
    behaviour = fault.kind.removeprefix("provider ")
    world.load.spoil(behaviour, addresses=_ADDRESSES, times=BEHAVIOURS[behaviour])
    return nothing


def republish_all(world: World, fault: Fault) -> Undo:
    """As `kinvite outbox republish` does it: everything that a service has sent is sent once more."""
    rows = asyncio.run(_republish(world, fault.target))
    world.note("records republished", rows)
    return nothing


async def _republish(world: World, service: str) -> int:
    async with Database(world.cluster.url(DATABASE), schema=service, pool_size=1) as database:
        try:
            async with database.transaction() as transaction:
                return await republish(transaction, since=datetime.now(UTC) - timedelta(hours=1))
        except (SQLAlchemyError, OSError):
            world.note("not possible meanwhile")
            return 0


def make_due(world: World, fault: Fault) -> Undo:
    """The week of a few live invitations ends in two seconds."""
    try:
        done = world.cluster.sql(_MAKE_DUE, database=DATABASE)
    except subprocess.CalledProcessError:
        world.note("not possible meanwhile")
    else:
        world.note("weeks ended at once", len(done.split()))
    return nothing
