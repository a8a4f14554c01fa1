"""Commands in. Nothing is sent here: a hung provider must not hold the broker up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.notifier.service.accepting import accept
from services.notifier.service.outlets import Outlets
from shared.contracts.envelope import Received
from shared.contracts.notifier import SendMessage
from shared.runtime.consumer import Subscription
from shared.runtime.database import Transaction
from shared.runtime.outbox import Lane


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of one lane."""

    lane: Lane
    outlets: Outlets

    async def on_send_message(self, tx: Transaction, messages: Sequence[Received[SendMessage]]) -> None:
        """Queue the messages."""
        await accept(tx, messages, self.lane, self.outlets)


def subscriptions(outlets: Outlets, wake: Callable[[Lane], None]) -> list[Subscription]:
    """Both command topics, each with a group of its own; `wake` is called when commands of a lane were committed."""
    single = Commands(Lane.SINGLE, outlets)
    bulk = Commands(Lane.BULK, outlets)
    return [
        Subscription(
            "notifier.on-commands",
            {SendMessage: single.on_send_message},
            fast=True,
            after_commit=lambda: wake(Lane.SINGLE),
        ),
        Subscription(
            "notifier.on-commands-bulk",
            {SendMessage: bulk.on_send_message},
            after_commit=lambda: wake(Lane.BULK),
        ),
    ]
