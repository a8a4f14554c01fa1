"""Announcement of expired invitations. Nothing depends on its punctuality: links are checked when they are used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from services.invitations.domain import transitions
from services.invitations.storage import expiry
from services.invitations.use_cases.save_changes import expired_event
from shared.runtime.database import FirstStatement, Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit


@dataclass(frozen=True, slots=True)
class Expiries:
    """Number of expiries that were announced, and in what time the next one is due; None if there is none."""

    count: int
    next_in: timedelta | None


def first_statement(limit: int) -> FirstStatement:
    """Return the first statement of the transaction in which `expire` announces up to `limit` expiries."""
    return expiry.first_statement(limit)


async def expire(tx: Transaction) -> Expiries:
    """Announce the expiries that the transaction's `first_statement` has claimed."""
    windows, next_in = expiry.claimed(tx)
    expired = [window for present in windows if (window := transitions.expire(present, tx.now)) is not None]
    if expired:
        await expiry.save(tx, expired)
        messages = (
            OutboxMessage(expired_event(window), window.school_id, window.version) for window in expired
        )
        await emit(tx, *messages, lane=Lane.BULK)
    return Expiries(len(windows), next_in)
