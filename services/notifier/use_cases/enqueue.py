"""Enqueue messages that were commanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.notifier.domain.messages import Claim, Message, Outcome
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.messages import claim_inserted, insert_messages
from services.notifier.use_cases.channel_policy import ChannelPolicy
from services.notifier.use_cases.record_outcomes import record_outcomes
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

NO_CAPACITY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Enqueued:
    """Messages that were enqueued: `claims`, taken at `claimed_at`, and the channels on which further ones wait."""

    claims: Sequence[Claim]
    waiting_channels: frozenset[str]
    claimed_at: datetime


async def enqueue(
    tx: Transaction,
    messages: Sequence[Message],
    lane: Lane,
    policy: ChannelPolicy,
    *,
    capacity: Mapping[str, int] = NO_CAPACITY,
    lease_seconds: float = 0.0,
) -> Enqueued:
    """Insert messages into the queue, ignoring those that were enqueued before.

    `capacity` is the number of messages per channel that a sender of this process can take now. As many are claimed
    for it as they are inserted, under a lease of `lease_seconds` from now; it may send them once this is committed.
    Messages that the policy refuses fail at once, with the reason of the policy.
    """
    refusals = {
        message.message_id: policy.find_refusal(message.channel, message.recipient.address)
        for message in messages
    }
    claimed = _choose_claimed(
        [None if refusals[message.message_id] else message for message in messages], tx.now, capacity
    )
    new = await insert_messages(tx, messages, lane.value, claimed=claimed, lease_seconds=lease_seconds)
    refused = {message_id: result for message_id, result in refusals.items() if result and message_id in new}
    if refused:
        claims = await claim_inserted(tx, list(refused))
        outcomes = [Outcome(claim, refused[claim.message.message_id], tx.now) for claim in claims]
        await record_outcomes(tx, outcomes, RetryPolicy(), lane=lane)
    by_id = {message.message_id: message for message in messages}
    claims = [Claim(by_id[message_id], fence=1) for message_id, is_claimed in new.items() if is_claimed]
    waiting = {by_id[message_id].channel for message_id, is_claimed in new.items() if not is_claimed}
    return Enqueued(claims, frozenset(waiting), tx.now)


def _choose_claimed(
    messages: Sequence[Message | None], now: datetime, capacity: Mapping[str, int]
) -> list[bool]:
    """Return for each message whether to claim it: those that are not refused and not expired, up to the capacity."""
    free = dict(capacity)
    claimed = []
    for message in messages:
        is_claimed = message is not None and now < message.expires_at and free.get(message.channel, 0) > 0
        if message is not None and is_claimed:
            free[message.channel] -= 1
        claimed.append(is_claimed)
    return claimed
