"""Submit a verification: the parent confirms a contact on the page behind the verification link."""

from __future__ import annotations

from services.signup.domain.links import Link
from services.signup.storage import submissions
from services.signup.use_cases.submit_on_link import (
    DeadLink,
    Submitted,
    claim_live_link,
    open_result,
    submit,
)
from shared.runtime.database import Transaction


async def submit_verification(tx: Transaction, link: Link) -> Submitted | DeadLink:
    """Store a pending submission and emit `VerificationSubmitted`.

    If a submission on the link is pending or accepted already, only open a further result page for that one.
    """
    claimed = await claim_live_link(tx, link)
    if isinstance(claimed, DeadLink):
        return claimed
    earlier = await submissions.find_open_submission(tx, claimed.link)
    if earlier is not None:
        return await open_result(tx, earlier)
    return await submit(tx, claimed)
