"""Commands in. Nothing is sent here: a hung provider must not hold the broker up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.notifier.domain.messages import Claim
from services.notifier.service.accepting import Accepted, Hands, accept
from services.notifier.service.outlets import Outlets
from shared.contracts.envelope import Received
from shared.contracts.notifier import SendMessage
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, Subscription


class Sender(Hands, Protocol):
    """A sender of this process."""

    def begin(self, claims: Sequence[Claim], claimed_at: datetime, until: float) -> None:
        """Send what was claimed for it. `until`: when the leases end, on the event loop's clock."""
        ...

    def look(self) -> None:
        """Messages wait that nobody has claimed."""
        ...


class Commands:
    """The commands of one lane. `senders` by channel: those of this process."""

    def __init__(self, lane: Lane, outlets: Outlets, senders: Mapping[str, Sender]) -> None:
        self._lane = lane
        self._outlets = outlets
        self._senders = senders
        self._accepted: tuple[Accepted, float] | None = None

    async def on_send_message(self, tx: Transaction, messages: Sequence[Received[SendMessage]]) -> None:
        """Queue the messages; nothing is begun before they are committed."""
        self._accepted = None
        now = asyncio.get_running_loop().time()
        accepted = await accept(tx, messages, self._lane, self._outlets, self._senders)
        self._accepted = accepted, now

    def committed(self) -> None:
        """What was claimed goes to its senders; for the rest they look."""
        if self._accepted is None:
            return
        (accepted, now), self._accepted = self._accepted, None
        for channel, sender in self._senders.items():
            claims = [claim for claim in accepted.begun if claim.message.channel == channel]
            if claims:
                sender.begin(claims, accepted.at, now + sender.lease_seconds)
            if channel in accepted.waiting:
                sender.look()


def subscriptions(outlets: Outlets, senders: Mapping[Lane, Mapping[str, Sender]]) -> list[Subscription]:
    """Both command topics, each with a group of its own; `senders` of this process by lane and channel."""
    single = Commands(Lane.SINGLE, outlets, senders.get(Lane.SINGLE, {}))
    bulk = Commands(Lane.BULK, outlets, senders.get(Lane.BULK, {}))
    return [
        Subscription(
            "notifier.on-commands",
            {SendMessage: single.on_send_message},
            after_commit=single.committed,
        ),
        Subscription(
            "notifier.on-commands-bulk",
            {SendMessage: bulk.on_send_message},
            after_commit=bulk.committed,
        ),
    ]
