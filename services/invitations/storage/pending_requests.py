"""Requests of the roster to invite parents, stored until the replicas of parent and school have arrived."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.models import PendingInvitation
from shared.contracts.values import Channel
from shared.runtime.database import BatchStatement, Transaction, not_set_aside

_SAVE = BatchStatement(
    """
    INSERT INTO requested_invitations ({names})
    SELECT * FROM {rows}
    ON CONFLICT (parent_id) DO UPDATE SET
        channel = excluded.channel, contact_id = excluded.contact_id, actor = excluded.actor
    """,
    {"parent_id": "uuid", "school_id": "uuid", "channel": "text", "contact_id": "uuid", "actor": "text"},
)
_CLAIM_READY = text(
    f"""
    SELECT w.parent_id
      FROM requested_invitations w
      JOIN parents p ON p.parent_id = w.parent_id AND p.school_id = w.school_id
      JOIN schools s ON s.school_id = w.school_id
     WHERE {not_set_aside("pending-requests", "w.parent_id")}
     ORDER BY w.parent_id LIMIT :limit FOR UPDATE OF p
    """
)
_TAKE = text(
    """
    DELETE FROM requested_invitations AS w USING parents p, schools s
     WHERE w.parent_id = p.parent_id AND w.school_id = p.school_id AND s.school_id = p.school_id
       AND (w.parent_id = ANY(CAST(:parent_ids AS uuid[])) OR w.school_id = ANY(CAST(:school_ids AS uuid[])))
    RETURNING w.parent_id, w.school_id, w.channel, w.contact_id, w.actor
    """
)


async def save(tx: Transaction, requests: Iterable[PendingInvitation]) -> None:
    """Save the requests, at most one per parent; a later one replaces the earlier one."""
    await tx.execute(*_SAVE.bind(requests))


async def claim_ready_parents(tx: Transaction, limit: int) -> list[UUID]:
    """Lock and return up to `limit` parents with a request although they and their school have both arrived."""
    return [row.parent_id for row in await tx.rows(_CLAIM_READY, {"limit": limit})]


async def take(
    tx: Transaction, *, parent_ids: Collection[UUID] = (), school_ids: Collection[UUID] = ()
) -> list[PendingInvitation]:
    """Delete and return the requests of these parents or schools whose parent and school have both arrived."""
    parameters = {"parent_ids": list(parent_ids), "school_ids": list(school_ids)}
    rows = await tx.rows(_TAKE, parameters)
    return [
        PendingInvitation(row.parent_id, row.school_id, Channel(row.channel), row.contact_id, row.actor)
        for row in rows
    ]
