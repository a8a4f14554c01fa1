"""Asking again for decisions that do not come: the submission, or the answer to it, was parked or lost."""

from __future__ import annotations

from datetime import timedelta

from services.signup.domain.links import Purpose
from services.signup.storage.undecided import Undecided, claim_undecided
from shared.contracts.signup import SignUpSubmitted, VerificationSubmitted
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


async def ask_again(transaction: Transaction, patience: timedelta, limit: int) -> bool:
    """Emit up to `limit` submissions again, unchanged; True when there may be more.

    They are due after `patience`, and then after twice as long each time, at the latest every six hours.
    """
    undecided = await claim_undecided(transaction, patience, limit)
    await emit(transaction, *[_message(one) for one in undecided])
    return len(undecided) == limit


def _message(one: Undecided) -> OutboxMessage:
    kind = SignUpSubmitted if one.purpose is Purpose.JOIN else VerificationSubmitted
    fact = kind(
        submission_id=one.submission_id,
        invitation_id=one.invitation_id,
        generation=one.generation,
        submitted_at=one.submitted_at,
    )
    return OutboxMessage(fact, one.school_id, one.version)
