"""Announcement of expired invitations. Nothing depends on its punctuality: links are checked when they are used."""

from __future__ import annotations

from services.invitations.domain import transitions
from services.invitations.storage import expiry
from services.invitations.storage.expiry import DueExpiries
from services.invitations.use_cases.save_changes import expired_event
from shared.runtime.database import FirstStatement, Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit


def claim_due(limit: int) -> FirstStatement[DueExpiries]:
    """Return the first statement of a transaction that claims up to `limit` expired invitations, for `expire`."""
    return expiry.claim_due(limit)


async def expire(tx: Transaction, due: DueExpiries) -> None:
    """Announce the expiries of claimed invitations, each once and none early."""
    expired = [
        window for present in due.windows if (window := transitions.expire(present, tx.now)) is not None
    ]
    if not expired:
        return
    await expiry.save(tx, expired)
    messages = (OutboxMessage(expired_event(window), window.school_id, window.version) for window in expired)
    await emit(tx, *messages, lane=Lane.BULK)
