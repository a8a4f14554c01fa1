"""Record the outcomes of attempts: decide, save, and emit the events."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import assert_never
from uuid import UUID

from services.notifier.domain.messages import (
    OPTED_OUT,
    Announcement,
    Change,
    Claim,
    Outcome,
    Result,
    Verdict,
    decide_after_attempt,
)
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.messages import insert_attempts, save_changes, storable_text
from services.notifier.storage.suppressions import suppress_refused
from shared.contracts.notifier import MessageDelivered, MessageFailed, MessageOutcomeUnknown, MessageSent
from shared.contracts.values import PHONE_CHANNELS
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit

_chance = random.SystemRandom().random


async def record_outcomes(
    tx: Transaction, outcomes: Sequence[Outcome], policy: RetryPolicy, *, lane: Lane
) -> None:
    """Save how attempts ended and emit their events. The outcome of a claim that was lost changes nothing."""
    if not outcomes:
        return
    changes = [
        (outcome.claim, decide_after_attempt(outcome.claim, outcome.result, tx.now, policy, _chance()))
        for outcome in outcomes
    ]
    answers = {
        outcome.claim.message.message_id: storable_text(outcome.result.detail)
        for outcome in outcomes
        if _needs_no_row(outcome.result, outcome.claim)
    }
    saved = await save_and_emit(tx, changes, lane=lane, answers=answers)
    attempts = [
        outcome
        for outcome in outcomes
        if outcome.result.verdict is not Verdict.NOT_TRIED
        and not (outcome.claim.message.message_id in answers and outcome.claim.message.message_id in saved)
    ]
    if attempts:
        await insert_attempts(tx, attempts)


async def save_and_emit(
    tx: Transaction,
    changes: Sequence[tuple[Claim, Change]],
    *,
    lane: Lane,
    claimed: bool = True,
    answers: Mapping[UUID, str] | None = None,
) -> Collection[UUID]:
    """Save changes of messages and emit their events; return the ids of the messages that were changed.

    `claimed` and `answers`: see `storage.messages.save_changes`. A message that was refused because of an opt-out
    suppresses its address.
    """
    versions = await save_changes(tx, changes, claimed=claimed, answers=answers)
    events = [
        _event(tx, claim, change, change.announce, versions[claim.message.message_id])
        for claim, change in changes
        if change.announce is not None and claim.message.message_id in versions
    ]
    await emit(tx, *events, lane=lane)
    refused = [
        (claim.message.channel, claim.message.recipient.address)
        for claim, change in changes
        if change.code == OPTED_OUT and claim.message.message_id in versions
    ]
    if refused:
        await suppress_refused(tx, refused)
    return versions.keys()


def _needs_no_row(result: Result, claim: Claim) -> bool:
    """Return whether the attempt is stored in the message's own row, because no other attempt can follow it."""
    return result.verdict is Verdict.SENT and claim.message.channel not in PHONE_CHANNELS


def _event(
    tx: Transaction, claim: Claim, change: Change, announce: Announcement, version: int
) -> OutboxMessage:
    message = claim.message
    about = {
        "message_id": message.message_id,
        "parent_id": message.parent_id,
        "invitation_id": message.invitation_id,
        "generation": message.generation,
        "channel": message.channel,
        "template": message.template,
    }
    data: MessageSent | MessageDelivered | MessageFailed | MessageOutcomeUnknown
    match announce:
        case Announcement.SENT:
            confirmable = message.channel in PHONE_CHANNELS
            data = MessageSent.model_validate({**about, "sent_at": tx.now, "confirmable": confirmable})
        case Announcement.DELIVERED:
            data = MessageDelivered.model_validate({**about, "delivered_at": tx.now})
        case Announcement.FAILED:
            failure = {
                "failed_at": tx.now,
                "permanent": change.final,
                "code": change.code,
                "reason": change.reason,
                "retry_at": change.due_at,
            }
            data = MessageFailed.model_validate({**about, **failure})
        case Announcement.OUTCOME_UNKNOWN:
            data = MessageOutcomeUnknown.model_validate({**about, "reason": change.reason})
        case _:
            assert_never(announce)
    return OutboxMessage(data, school_id=message.school_id, version=version, traceparent=message.traceparent)
