"""Republish revocations that the broker has lost, for example because it was replaced by an empty one."""

from __future__ import annotations

from collections.abc import Collection

from services.dashboard.storage.access_tokens import has_pending_messages, list_unpublished_revocations
from services.dashboard.use_cases.revoke_token import revocation_message
from shared.contracts.topics import DASHBOARD_ACCESS
from shared.runtime.database import Transaction
from shared.runtime.messaging import emit

MIN_AGE_SECONDS = 30.0
"""A younger revocation may still be on its way to the broker."""


async def republish_revocations(
    tx: Transaction, published: Collection[str], *, after_seconds: float = MIN_AGE_SECONDS
) -> int:
    """Emit again the revocations that are missing in `published`, the token ids of the topic, and return how many."""
    rows = await list_unpublished_revocations(
        tx, published, DASHBOARD_ACCESS.name, after_seconds=after_seconds
    )
    messages = [
        revocation_message(row.token_id, row.school_ids, row.revoked_at, row.revoked_by) for row in rows
    ]
    await emit(tx, *messages)
    return len(messages)


async def are_revocations_published(tx: Transaction) -> bool:
    """Return whether the broker has every committed revocation."""
    return not await has_pending_messages(tx, DASHBOARD_ACCESS.name)
