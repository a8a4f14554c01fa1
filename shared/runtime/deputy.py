"""What a process without a worker does about its outbox: nothing, as long as some worker does.

Workers relay. A process that only serves routes writes to the outbox as well, and the commit wakes the worker. Where no
worker is at work, because all have ended or stand still, messages would wait for one; the deputy publishes them
meanwhile. It holds the lease for one turn at most, so that a worker that is back gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from shared.runtime.database import Database
from shared.runtime.outbox import Lane
from shared.runtime.relay import Relay
from shared.runtime.timers import Timer

LOOK_SECONDS = 3.0
PATIENCE_SECONDS = 4.0
TURN_SECONDS = 10.0

_LEFT_ALONE = """
SELECT wanted.lane
  FROM unnest(CAST(:lanes AS text[])) AS wanted (lane)
 CROSS JOIN LATERAL (SELECT first_id FROM outbox_runs AS r WHERE r.lane = wanted.lane ORDER BY first_id LIMIT 1) AS run
  JOIN outbox ON outbox.id = run.first_id
 WHERE outbox.created_at < now() - make_interval(secs => :patience)
   AND NOT EXISTS (SELECT FROM relay_lease AS held WHERE held.lane = wanted.lane AND held.until > clock_timestamp())
"""


class Deputy:
    """Stands in for the workers' relays. `relay` makes one for a lane."""

    def __init__(
        self, database: Database, relay: Callable[[Lane], Relay], *, turn_seconds: float = TURN_SECONDS
    ) -> None:
        self._database = database
        self._relay = relay
        self._turn_seconds = turn_seconds

    def timer(self) -> Timer:
        """Looks every three seconds."""
        return Timer("outbox-deputy", LOOK_SECONDS, self.look)

    async def look(self) -> bool:
        """Publish for one turn what nobody publishes. Answers that nothing more is due now: a worker may be back."""
        async with self._database.transaction() as transaction:
            parameters = {"lanes": [lane.value for lane in Lane], "patience": PATIENCE_SECONDS}
            lanes = [Lane(row.lane) for row in await transaction.rows(_LEFT_ALONE, parameters)]
        await asyncio.gather(*(self._stand_in(lane) for lane in lanes))
        return False

    async def _stand_in(self, lane: Lane) -> None:
        relaying = asyncio.create_task(self._relay(lane).run())
        try:
            await asyncio.wait([relaying], timeout=self._turn_seconds)
        finally:
            relaying.cancel()
            (ended,) = await asyncio.gather(relaying, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended
