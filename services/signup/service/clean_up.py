"""Forgetting what has served its time."""

from __future__ import annotations

from datetime import timedelta

from services.signup.storage import accounts, guesses, submissions
from shared.runtime.database import Transaction


async def clean_up(transaction: Transaction, *, result_lifetime_minutes: int) -> None:
    """Drop result pages and sessions whose time is over, and counts of guesses that count no more."""
    before = transaction.now - timedelta(minutes=result_lifetime_minutes)
    await submissions.forget_results(transaction, before)
    await accounts.forget_sessions(transaction)
    await guesses.forget_guesses(transaction, transaction.now)
