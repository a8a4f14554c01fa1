"""The end of an attempt: decide, save, tell."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import assert_never
from uuid import UUID

from services.notifier.channels.twilio_codes import OPTED_OUT
from services.notifier.domain.messages import Announcement, Change, Claim, Outcome, Result, Verdict
from services.notifier.domain.messages import settle as decide
from services.notifier.domain.reports import CONFIRMING
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.attempts import insert_attempts, storable
from services.notifier.storage.outcomes import settle
from services.notifier.storage.suppressions import note_refusals
from shared.contracts.notifier import MessageDelivered, MessageFailed, MessageOutcomeUnknown, MessageSent
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit

_chance = random.SystemRandom().random


async def record(tx: Transaction, outcomes: Sequence[Outcome], policy: RetryPolicy, *, lane: Lane) -> None:
    """Record how attempts ended and emit what others must know. An outcome of a claim that was lost changes nothing."""
    if not outcomes:
        return
    changes = [(o.claim, decide(o.claim, o.result, tx.now, policy, _chance())) for o in outcomes]
    answers = {
        o.claim.message.message_id: storable(o.result.detail)
        for o in outcomes
        if _needs_no_row(o.result, o.claim)
    }
    held = await save(tx, changes, lane=lane, answers=answers)
    tried = [
        o
        for o in outcomes
        if o.result.verdict is not Verdict.NOT_TRIED
        and not (o.claim.message.message_id in answers and o.claim.message.message_id in held)
    ]
    if tried:
        await insert_attempts(tx, tried)


def _needs_no_row(result: Result, claim: Claim) -> bool:
    """The attempt that ended everything stands in the message's own row, as no other can follow it."""
    return result.verdict is Verdict.SENT and claim.message.channel not in CONFIRMING


async def save(
    tx: Transaction,
    changes: Sequence[tuple[Claim, Change]],
    *,
    lane: Lane,
    in_hand: bool = True,
    answers: Mapping[UUID, str] | None = None,
) -> Collection[UUID]:
    """Save what was decided of messages and emit the facts; answers those that were still ours to decide.

    Not `in_hand`: they are nobody's, and locked. `answers`: see `storage.outcomes.settle`.
    """
    versions = await settle(tx, changes, in_hand=in_hand, answers=answers)
    facts = [
        _fact(tx, claim, change, change.announce, versions[claim.message.message_id])
        for claim, change in changes
        if change.announce is not None and claim.message.message_id in versions
    ]
    await emit(tx, *facts, lane=lane)
    refused = [
        (claim.message.channel, claim.message.recipient.address)
        for claim, change in changes
        if change.code == OPTED_OUT and claim.message.message_id in versions
    ]
    if refused:
        await note_refusals(tx, refused)
    return versions.keys()


def _fact(
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
            confirmable = message.channel in CONFIRMING
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
