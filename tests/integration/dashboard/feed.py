"""Handing facts to the projection's own handlers, as the consumer would."""

from collections.abc import Sequence
from typing import Any

from services.dashboard.consumers import SUBSCRIPTIONS
from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.runtime.database import Database
from shared.runtime.messaging import Handler, group_preserving_order

HANDLERS: dict[type[Message], Handler] = {
    kind: handler for subscription in SUBSCRIPTIONS for kind, handler in subscription.handlers.items()
}


async def deliver(database: Database, facts: Sequence[Received[Message]]) -> None:
    """One transaction, in runs of one type."""
    async with database.transaction() as tx:
        for kind, run in group_preserving_order(facts):
            await HANDLERS[kind](tx, run)


async def deliver_one_by_one(database: Database, facts: Sequence[Received[Any]]) -> None:
    """A transaction each, in the order given."""
    for fact in facts:
        await deliver(database, [fact])
