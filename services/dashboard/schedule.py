"""Periodic work of the dashboard: compare the register of tokens with the revocations that the broker holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from services.dashboard.use_cases.republish_revocations import republish_revocations
from shared.runtime.background import PeriodicTask
from shared.runtime.core import is_transient
from shared.runtime.database import Database
from shared.runtime.observability import describe_error, get_logger

REVOCATIONS_PERIOD_SECONDS = 60.0
log = get_logger("tokens")

ReadRevocations = Callable[[], Awaitable[set[str]]]
"""Reads the ids of the revoked tokens that the topic holds."""


def periodic_tasks(database: Database, read_revocations: ReadRevocations) -> tuple[PeriodicTask, ...]:
    """Return the periodic tasks of a worker."""
    check = partial(republish_lost_revocations, database, read_revocations)
    return (PeriodicTask("revocations", REVOCATIONS_PERIOD_SECONDS, check),)


async def republish_lost_revocations(database: Database, read_revocations: ReadRevocations) -> bool:
    """Republish what the broker has lost. Return False: the next round is due after the period.

    An unreachable broker is not this task's to report, because that would make the whole worker not ready.
    """
    try:
        published = await read_revocations()
    except Exception as error:
        if not is_transient(error):
            raise
        log.info("revocations.not_compared", **describe_error(error))
        return False
    async with database.transaction() as tx:
        count = await republish_revocations(tx, published)
    if count:
        log.warning("revocations.republished", count=count)
    return False
