"""Find what a result page shows: the state of its submission, and the students after a sign-up."""

from __future__ import annotations

from datetime import timedelta

from services.signup import views
from services.signup.domain.links import SubmissionState
from services.signup.use_cases.digests import secret_digest
from services.signup.views import ResultView, SchoolView
from shared.runtime.database import SchoolsOf, Transaction


def schools_of_result(secret: str) -> SchoolsOf:
    """Return the scope of a transaction that reads this page: the school of the link and those of the account."""
    return SchoolsOf("schools_of_result", secret_digest(secret))


async def find_result(tx: Transaction, secret: str, *, lifetime_minutes: int) -> ResultView | None:
    """Return the result page with this secret, or None if there is none or it is older than its lifetime."""
    since = tx.now - timedelta(minutes=lifetime_minutes)
    return await views.find_result(tx, secret_digest(secret), since)


async def list_visible_schools(tx: Transaction, result: ResultView) -> tuple[SchoolView, ...]:
    """Return the schools with the students that a result page shows: none unless it is of one's own sign-up."""
    if result.account_id is None or not result.first_attempt:
        return ()
    if result.state is not SubmissionState.ACCEPTED:
        return ()
    return await views.list_schools(tx, result.account_id)
