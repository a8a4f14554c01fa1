"""The end of an attempt: decide, save, tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import assert_never

from services.notifier.domain.messages import Announcement, Change, Claim, Outcome, Verdict, settle
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.attempts import insert_attempts
from services.notifier.storage.queue import settle_held
from shared.contracts.notifier import MessageFailed, MessageOutcomeUnknown, MessageSent
from shared.runtime.database import Transaction
from shared.runtime.outbox import Lane, Outgoing, emit

_chance = random.SystemRandom().random


async def record(tx: Transaction, outcomes: Sequence[Outcome], policy: RetryPolicy, *, lane: Lane) -> None:
    """Record how attempts ended and emit what others must know. An outcome of a claim that was lost changes nothing."""
    if not outcomes:
        return
    changes = [(o.claim, settle(o.claim, o.result, tx.now, policy, _chance())) for o in outcomes]
    await save(tx, changes, lane=lane)
    tried = [outcome for outcome in outcomes if outcome.result.verdict is not Verdict.NOT_TRIED]
    if tried:
        await insert_attempts(tx, tried)


async def save(tx: Transaction, changes: Sequence[tuple[Claim, Change]], *, lane: Lane) -> None:
    """Save what was decided of claimed messages and emit the facts."""
    versions = await settle_held(tx, changes)
    facts = [
        _fact(tx, claim, change, change.announce, versions[claim.message.message_id])
        for claim, change in changes
        if change.announce is not None and claim.message.message_id in versions
    ]
    await emit(tx, *facts, lane=lane)


def _fact(tx: Transaction, claim: Claim, change: Change, announce: Announcement, version: int) -> Outgoing:
    message = claim.message
    about = {
        "message_id": message.message_id,
        "parent_id": message.parent_id,
        "invitation_id": message.invitation_id,
        "generation": message.generation,
        "channel": message.channel,
        "template": message.template,
    }
    data: MessageSent | MessageFailed | MessageOutcomeUnknown
    match announce:
        case Announcement.SENT:
            data = MessageSent.model_validate({**about, "sent_at": tx.now})
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
    return Outgoing(data, school_id=message.school_id, version=version, traceparent=message.traceparent)
