"""Standby relay for processes that only serve routes.

Such a process writes to the outbox too, and its commits wake the relay of a worker. Where no worker runs, or all stand
still, messages would stay: the standby relay then publishes for 10 s whatever has waited 4 s while nobody held the
lease, and releases it, so that a worker that has come back acquires it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from shared.runtime.background.periodic_task import PeriodicTask
from shared.runtime.database.transaction import Database
from shared.runtime.messaging.outbox.emit import Lane
from shared.runtime.messaging.outbox.relay import Relay

POLL_SECONDS = 3.0
MAX_WAIT_SECONDS = 4.0
TURN_SECONDS = 10.0

_LIST_UNATTENDED = """
SELECT wanted.lane
  FROM unnest(CAST(:lanes AS text[])) AS wanted (lane)
 CROSS JOIN LATERAL (SELECT first_id FROM outbox_runs AS r WHERE r.lane = wanted.lane ORDER BY first_id LIMIT 1) AS run
  JOIN outbox ON outbox.id = run.first_id
 WHERE outbox.created_at < now() - make_interval(secs => :max_wait)
   AND NOT EXISTS (SELECT FROM relay_lease AS held WHERE held.lane = wanted.lane AND held.until > clock_timestamp())
"""


class StandbyRelay:
    """Substitute for the workers' relays. `create_relay` creates one for a lane."""

    def __init__(
        self,
        database: Database,
        create_relay: Callable[[Lane], Relay],
        *,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._database = database
        self._create_relay = create_relay
        self._turn_seconds = turn_seconds

    def task(self) -> PeriodicTask:
        """Return the task that polls every three seconds."""
        return PeriodicTask("outbox-standby", POLL_SECONDS, self.poll)

    async def poll(self) -> bool:
        """Publish the lanes that nobody attends to, for one turn. Returns False: nothing more is due now."""
        async with self._database.transaction() as tx:
            parameters = {"lanes": [lane.value for lane in Lane], "max_wait": MAX_WAIT_SECONDS}
            lanes = [Lane(row.lane) for row in await tx.rows(_LIST_UNATTENDED, parameters)]
        await asyncio.gather(*(self._publish_one_turn(lane) for lane in lanes))
        return False

    async def _publish_one_turn(self, lane: Lane) -> None:
        relaying = asyncio.create_task(self._create_relay(lane).run())
        try:
            await asyncio.wait([relaying], timeout=self._turn_seconds)
        finally:
            relaying.cancel()
            (outcome,) = await asyncio.gather(relaying, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome
