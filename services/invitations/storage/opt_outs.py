"""Who takes no more messages at an address on a channel; the notifier's last word counts."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.invitations.domain.models import OptOut
from services.invitations.domain.states import Channel
from shared.runtime.database import BatchStatement, Transaction

_SAVE = BatchStatement(
    """
    INSERT INTO opt_outs AS o ({names})
    SELECT * FROM {rows}
     ORDER BY r.parent_id, r.channel, r.address_digest
    ON CONFLICT (parent_id, channel, address_digest) DO UPDATE
       SET version = excluded.version, opted_out = excluded.opted_out
     WHERE o.version < excluded.version
    RETURNING o.parent_id, o.channel, o.address_digest
    """,
    {
        "parent_id": "uuid",
        "channel": "text",
        "address_digest": "text",
        "school_id": "uuid",
        "version": "bigint",
        "opted_out": "boolean",
    },
)


async def save(tx: Transaction, changes: Iterable[OptOut]) -> list[OptOut]:
    """Keep what was said last, one of each parent, channel and address; answers those that were news."""
    latest: dict[tuple[UUID, Channel, str], OptOut] = {}
    for change in sorted(changes, key=lambda change: change.version):
        latest[change.parent_id, change.channel, change.address_digest] = change
    rows = await tx.rows(*_SAVE.bind(latest.values()))
    return [latest[row.parent_id, Channel(row.channel), row.address_digest] for row in rows]
