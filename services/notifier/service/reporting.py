"""Reports of providers: kept at once, applied in order, told."""

from __future__ import annotations

import random
from itertools import groupby
from uuid import UUID

from services.notifier.channels.base import Refused
from services.notifier.channels.twilio_codes import error_for
from services.notifier.domain.messages import Change, Claim, Message, Result, Verdict
from services.notifier.domain.reports import Report, Word, hear
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.recording import save
from services.notifier.storage import reports
from services.notifier.storage.reports import Heard
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

NO_REASON = 30008
"""The provider's code for a failure that it cannot explain."""
_chance = random.SystemRandom().random


async def keep_report(
    tx: Transaction, provider_id: str, message_id: UUID, word: Word, code: int | None
) -> None:
    """Keep a report; one that came before, or that says less than what is known, changes nothing."""
    await reports.keep_report(tx, provider_id, message_id, word, code)


async def taken_already(tx: Transaction, message: Message) -> Result | None:
    """How an attempt ends where the provider reported on a copy that we had lost sight of; None where it did not."""
    taken = await reports.find_taken(tx, message.message_id)
    return None if taken is None else Result(Verdict.SENT, detail="as reported", provider_id=taken)


async def apply_reports(tx: Transaction, policy: RetryPolicy, limit: int) -> bool:
    """Apply up to `limit` reports, one of each message; True when there may be more."""
    waiting = await reports.claim_reports(tx, limit)
    first = [
        next(group) for _, group in groupby(waiting, lambda heard: heard.standing.claim.message.message_id)
    ]
    changes: dict[str, list[tuple[Claim, Change]]] = {}
    for heard in first:
        change = hear(heard.standing, _report(heard), tx.now, policy, _chance())
        if change is not None:
            changes.setdefault(heard.lane, []).append((heard.standing.claim, change))
    for lane, found in changes.items():
        await save(tx, found, lane=Lane(lane), in_hand=False)
    if first:
        await reports.mark_applied(tx, [heard.provider_id for heard in first])
    return len(waiting) == limit or len(first) < len(waiting)


async def forget_strays(tx: Transaction) -> None:
    """Forget reports about messages that nobody here has sent."""
    await reports.forget_strays(tx)


def _report(heard: Heard) -> Report:
    message_id = heard.standing.claim.message.message_id
    failure = _failure(heard.code) if heard.word is Word.FAILED else None
    return Report(heard.provider_id, message_id, heard.word, failure)


def _failure(code: int | None) -> Result:
    """What a failed copy means; one without a code, or that nobody can explain, may have arrived."""
    error = error_for(code or NO_REASON)
    for_now = Verdict.UNKNOWN if (code or NO_REASON) == NO_REASON else Verdict.TRY_LATER
    verdict = Verdict.REFUSED if isinstance(error, Refused) else for_now
    return Result(verdict, error.code, error.reason, retry_after_seconds=error.retry_after_seconds)
