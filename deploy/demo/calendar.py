"""Time lapse of the demo: it moves the expiry of some links to now, in the database of its own installation.

Links are valid for days, which is too long for a demo. Kinvite then expires them by itself; it has no function that
changes time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.cli.services import DATABASE_URL, embedded_settings
from shared.runtime.database import Database

_EXPIRE = """
UPDATE invitations SET expires_at = now()
 WHERE parent_id = ANY(CAST(:parents AS uuid[])) AND status IN ('awaiting_verification', 'invited')
RETURNING parent_id
"""


class Calendar:
    """Calendar of the installation that runs with a data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data

    async def expire_links(self, parent_ids: Sequence[str]) -> int:
        """Set the expiry of these parents' unused links to now and return their number."""
        url = embedded_settings(self._data)[DATABASE_URL]
        async with (
            Database(url, schema="invitations", pool_size=2) as database,
            database.transaction() as tx,
        ):
            return len(await tx.rows(_EXPIRE, {"parents": list(parent_ids)}))
