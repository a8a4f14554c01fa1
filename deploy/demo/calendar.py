"""Nobody watches a demo for a week, so the demo moves the end of some links to now, in its own installation's database.

What follows is Kinvite's own doing: it notices, closes the links and says so. Nothing in Kinvite itself moves time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.cli.services import DATABASE_URL, embedded_settings
from shared.runtime.database import Database

_END = """
UPDATE invitations SET expires_at = now()
 WHERE parent_id = ANY(CAST(:parents AS uuid[])) AND status IN ('awaiting_verification', 'invited')
RETURNING parent_id
"""


class Calendar:
    """Of the installation that runs with the data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data

    async def let_a_week_pass(self, parent_ids: Sequence[str]) -> int:
        """The links of these parents end now, unless they were used; how many did."""
        url = embedded_settings(self._data)[DATABASE_URL]
        async with (
            Database(url, schema="invitations", pool_size=2) as database,
            database.transaction() as transaction,
        ):
            return len(await transaction.rows(_END, {"parents": list(parent_ids)}))
