"""Faults that kill no process: providers that fail, republishing by an operator, and validity periods that end at
once.
"""

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

# Number of times an address behaves in this way before it behaves well; None means always.
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


def undo_nothing() -> None:
    """Undo nothing."""


def misbehave(world: World, fault: Fault) -> Undo:
    """Let the next addresses that staff enter behave badly."""
    behaviour = fault.kind.removeprefix("provider ")
    world.load.misbehave(behaviour, addresses=_ADDRESSES, times=BEHAVIOURS[behaviour])
    return undo_nothing


def republish_all(world: World, fault: Fault) -> Undo:
    """Republish everything that a service has sent, as `kinvite outbox republish` does."""
    rows = asyncio.run(_republish(world, fault.target))
    world.note("records republished", rows)
    return undo_nothing


async def _republish(world: World, service: str) -> int:
    async with Database(world.cluster.url(DATABASE), schema=service, pool_size=1) as database:
        try:
            async with database.transaction() as transaction:
                return await republish(transaction, since=datetime.now(UTC) - timedelta(hours=1))
        except (SQLAlchemyError, OSError):
            world.note("not possible during another fault")
            return 0


def make_due(world: World, fault: Fault) -> Undo:
    """End the validity period of a few live invitations in two seconds."""
    try:
        done = world.cluster.sql(_MAKE_DUE, database=DATABASE)
    except subprocess.CalledProcessError:
        world.note("not possible during another fault")
    else:
        world.note("validity periods ended at once", len(done.split()))
    return undo_nothing
