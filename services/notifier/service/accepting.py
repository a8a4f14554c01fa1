"""A command becomes a queued message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from services.notifier.domain.messages import Claim, Message, Outcome, Recipient
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.outlets import Outlets
from services.notifier.service.recording import record
from services.notifier.storage.queue import claim_new, insert
from shared.contracts.envelope import Received
from shared.contracts.notifier import SendMessage
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane


class Hands(Protocol):
    """A sender of this process: what it can take at once needs no second look at the queue."""

    @property
    def lease_seconds(self) -> float: ...

    def places(self) -> int:
        """How many messages it would begin with now."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of commands: claimed for a sender of this process (`at`), or `waiting` in the queues of channels."""

    begun: Sequence[Claim]
    waiting: frozenset[str]
    at: datetime


async def accept(
    tx: Transaction,
    commands: Sequence[Received[SendMessage]],
    lane: Lane,
    outlets: Outlets,
    hands: Mapping[str, Hands] = MappingProxyType({}),
) -> Accepted:
    """Queue the messages; one that is already known is passed over.

    As many as the sender of their channel in `hands` has places for are claimed for it as they are written: they are
    its to send once this is committed, under a lease that runs from now. What cannot be sent from here fails
    at once, with that reason. Raises Rejected for a command that cannot be meant.
    """
    messages = [_message(command) for command in commands]
    refusals = {m.message_id: outlets.refusal(m.channel, m.recipient.address) for m in messages}
    wanted = _wanted([None if refusals[m.message_id] else m for m in messages], tx.now, hands)
    lease_seconds = min((each.lease_seconds for each in hands.values()), default=0.0)
    new = await insert(tx, messages, lane.value, in_hand=wanted, lease_seconds=lease_seconds)
    refused = {message_id: result for message_id, result in refusals.items() if result and message_id in new}
    if refused:
        claims = await claim_new(tx, list(refused))
        outcomes = [Outcome(claim, refused[claim.message.message_id], tx.now) for claim in claims]
        await record(tx, outcomes, RetryPolicy(), lane=lane)
    known = {message.message_id: message for message in messages}
    begun = [Claim(known[message_id], fence=1) for message_id, in_hand in new.items() if in_hand]
    waiting = {known[message_id].channel for message_id, in_hand in new.items() if not in_hand}
    return Accepted(begun, frozenset(waiting), tx.now)


def _wanted(messages: Sequence[Message | None], now: datetime, hands: Mapping[str, Hands]) -> list[bool]:
    """Which are claimed at once: what is left to send, in time, as far as there are places."""
    places = {channel: each.places() for channel, each in hands.items()}
    wanted = []
    for message in messages:
        fits = message is not None and now < message.expires_at and places.get(message.channel, 0) > 0
        if message is not None and fits:
            places[message.channel] -= 1
        wanted.append(fits)
    return wanted


def _message(command: Received[SendMessage]) -> Message:
    data = command.data
    if data.expires_at.tzinfo is None:
        raise Rejected("invalid_data", "expires_at: a moment needs a time zone")
    return Message(
        message_id=data.message_id,
        school_id=command.school_id,
        parent_id=data.parent_id,
        invitation_id=data.invitation_id,
        generation=data.generation,
        channel=data.channel,
        template=data.template,
        recipient=Recipient(data.recipient.address, data.recipient.name),
        language=data.language,
        school_name=data.school_name,
        timezone=data.timezone,
        token_key_id=data.token_key_id,
        expires_at=data.expires_at,
        quiet_from=data.quiet_from.replace(tzinfo=None) if data.quiet_from else None,
        quiet_until=data.quiet_until.replace(tzinfo=None) if data.quiet_until else None,
        traceparent=command.traceparent,
    )
