"""Result pages: each press of a button gets a secret of its own, which says nothing of the link it came from."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from services.signup import views
from services.signup.storage import submissions
from services.signup.views import ResultView, SchoolOfParent
from shared.runtime.database import SchoolsOf, Transaction


async def open_result(transaction: Transaction, submission_id: UUID, *, first_attempt: bool = True) -> str:
    """A new result page of the submission; returns its secret, of which only the digest is kept."""
    secret = secrets.token_urlsafe(16)
    await submissions.add_result(transaction, _digest(secret), submission_id, first_attempt=first_attempt)
    return secret


def schools_of_page(secret: str) -> SchoolsOf:
    """The school of the link that was pressed, and those of the account that came of it."""
    return SchoolsOf("schools_of_result", _digest(secret))


async def find_result(transaction: Transaction, secret: str, *, lifetime_minutes: int) -> ResultView | None:
    """The result page, as long as it lives, or None."""
    since = transaction.now - timedelta(minutes=lifetime_minutes)
    return await views.find_result(transaction, _digest(secret), since)


async def schools_of(transaction: Transaction, account_id: UUID) -> tuple[SchoolOfParent, ...]:
    """The schools of a fresh account with the children it may see."""
    return await views.find_schools(transaction, account_id)


async def find_decided(transaction: Transaction, submission_ids: list[UUID]) -> set[UUID]:
    """Those of the submissions that are decided."""
    return await submissions.find_decided(transaction, submission_ids)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
