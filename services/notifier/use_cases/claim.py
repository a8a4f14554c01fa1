"""Claim due messages for a sender, and renew its leases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.notifier.domain.messages import Change, Claim, decide_after_attempt, decide_before_attempt
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.messages import claim_due, renew_leases
from services.notifier.storage.reports import find_accepted_result
from services.notifier.use_cases.record_outcomes import save_and_emit
from shared.contracts.values import PHONE_CHANNELS
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane


@dataclass(frozen=True, slots=True)
class Queue:
    """Queue of one channel and lane, on which a sender works.

    After `lease_seconds` the messages of a sender whose process has ended go to another sender.
    """

    channel: str
    lane: Lane
    lease_seconds: float
    policy: RetryPolicy


async def claim_messages(
    tx: Transaction, queue: Queue, *, limit: int, expired_only: bool = False
) -> list[Claim]:
    """Claim up to `limit` due messages to send.

    Messages that are expired or have no attempt left are ended at once and not returned. With `expired_only`, only
    messages whose link is dead are claimed.
    """
    if limit <= 0:
        return []
    claims = await claim_due(
        tx,
        queue.channel,
        queue.lane.value,
        limit=limit,
        lease_seconds=queue.lease_seconds,
        expired_only=expired_only,
    )
    ended = [
        (claim, await _reconcile(tx, claim, change, queue))
        for claim in claims
        if (change := decide_before_attempt(claim, tx.now, queue.policy))
    ]
    if ended:
        await save_and_emit(tx, ended, lane=queue.lane)
    ended_ids = {claim.message.message_id for claim, _ in ended}
    return [claim for claim in claims if claim.message.message_id not in ended_ids]


async def renew_claims(tx: Transaction, queue: Queue, claims: Sequence[Claim]) -> set[UUID]:
    """Extend the leases of messages in flight; return the ids of those that are still held.

    The other messages have been claimed by another sender.
    """
    return await renew_leases(tx, claims, queue.lease_seconds) if claims else set()


async def _reconcile(tx: Transaction, claim: Claim, change: Change, queue: Queue) -> Change:
    """Return the change that gives the message up, or that it was sent if the provider has reported on a copy."""
    accepted = (
        await find_accepted_result(tx, claim.message.message_id) if queue.channel in PHONE_CHANNELS else None
    )
    return change if accepted is None else decide_after_attempt(claim, accepted, tx.now, queue.policy, 0.0)
