"""The inbox: which records a consumer group has passed. Every record leaves a row, also ignored and parked ones."""

from __future__ import annotations

from collections.abc import Sequence

from shared.runtime.database import Transaction

_REMEMBER = """
INSERT INTO inbox (consumer, source, message_id)
SELECT :consumer, source, message_id
  FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS record (source, message_id)
 ORDER BY source, message_id
ON CONFLICT DO NOTHING
RETURNING source, message_id
"""

Identity = tuple[str, str]


async def pass_new(transaction: Transaction, consumer: str, identities: Sequence[Identity]) -> set[Identity]:
    """Remember the records; answers those that were new. In one order always, so that two consumers cannot deadlock."""
    if not identities:
        return set()
    rows = await transaction.rows(
        _REMEMBER,
        {
            "consumer": consumer,
            "sources": [source for source, _ in identities],
            "ids": [message_id for _, message_id in identities],
        },
    )
    return {(row.source, row.message_id) for row in rows}
