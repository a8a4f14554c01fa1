"""Lag of this service's replica behind the roster, by the number of parents that have not arrived yet."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.invitations.clients.roster import CountParents
from services.invitations.domain.bulk import Selection
from services.invitations.storage import bulk_items, replicas
from shared.runtime.database import Database

ROSTER_UNAVAILABLE = "The roster did not answer, so the run is about the parents known so far."
PARENTS_LATE = "Some parents had not arrived in time; run it again for them."


@dataclass(frozen=True, slots=True)
class ReplicaLag:
    """Number of selected parents that have not arrived; `unavailable` if the roster did not answer."""

    missing: int = 0
    unavailable: bool = False

    @property
    def note(self) -> str | None:
        """Sentence for staff about an incomplete selection; None if it is complete."""
        if self.unavailable:
            return ROSTER_UNAVAILABLE
        return PARENTS_LATE if self.missing else None


async def measure_replica_lag(
    database: Database, count_parents: CountParents, school_id: UUID, selection: Selection
) -> ReplicaLag:
    """Compare the replica with the roster. No transaction is open while the roster is queried."""
    if not selection.needs_full_replica:
        async with database.transaction(schools=[school_id]) as tx:
            return ReplicaLag(await bulk_items.count_not_arrived(tx, school_id, selection))
    expected = await count_parents(school_id)
    if expected is None:
        return ReplicaLag(unavailable=True)
    async with database.transaction(schools=[school_id]) as tx:
        return ReplicaLag(max(0, expected - await replicas.count_parents(tx, school_id)))
