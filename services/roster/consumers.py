"""What the roster hears from other services."""

from __future__ import annotations

from collections.abc import Sequence

from services.roster.service.parents import mark_signed_up
from shared.contracts.envelope import Received
from shared.contracts.signup import SignedUp
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription


async def on_signed_up(tx: Transaction, batch: Sequence[Received[SignedUp]]) -> None:
    """Parents of these schools have accounts."""
    await mark_signed_up(tx, [(one.school_id, one.data.parent_id, one.data.signed_up_at) for one in batch])


SUBSCRIPTIONS = (Subscription("roster.on-signup", {SignedUp: on_signed_up}),)
