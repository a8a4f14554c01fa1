"""Handlers of the events that the roster consumes from other services."""

from __future__ import annotations

from collections.abc import Sequence

from services.roster.use_cases.parents import record_sign_ups
from shared.contracts.envelope import Received
from shared.contracts.signup import SignedUp
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription


async def on_signed_up(tx: Transaction, batch: Sequence[Received[SignedUp]]) -> None:
    """Record the sign-ups of the parents of a batch."""
    await record_sign_ups(
        tx, [(event.school_id, event.data.parent_id, event.data.signed_up_at) for event in batch]
    )


def subscriptions() -> tuple[Subscription, ...]:
    """Return the roster's only subscription: to the events of signup."""
    return (Subscription("roster.on-signup", {SignedUp: on_signed_up}),)
