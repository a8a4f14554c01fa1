"""Resend submissions whose decision is missing, because the submission or the decision was parked or lost."""

from __future__ import annotations

from datetime import timedelta

from services.signup.storage import invitations, submissions
from services.signup.use_cases.submit_on_link import build_message
from shared.runtime.database import Transaction
from shared.runtime.messaging import emit


async def resend_submissions(tx: Transaction, first_pause: timedelta, limit: int) -> bool:
    """Emit the events of up to `limit` due submissions again, unchanged. Return whether more may be due.

    A submission is due after `first_pause`, and then after pauses that grow with its age to six hours.
    """
    invitation_ids = await submissions.list_due_invitations(tx, first_pause, limit)
    if not invitation_ids:
        return False
    versions = await invitations.claim_message_versions(tx, invitation_ids)
    due = await submissions.claim_due(tx, first_pause, invitation_ids)
    await emit(tx, *[build_message(submission, versions[submission.invitation_id]) for submission in due])
    return len(due) == limit
