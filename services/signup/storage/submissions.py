"""Submissions: verifications and sign-ups, with the decisions on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.signup.domain.links import Link, Purpose, Refusal, Submission, SubmissionState
from shared.contracts.values import RefusalReason
from shared.runtime.database import Transaction

LONGEST_PAUSE = timedelta(hours=6)
_COLUMNS = (
    "s.submission_id, s.purpose, s.invitation_id, s.generation, s.school_id, s.parent_id, s.account_id, s.state, "
    "s.reason, s.submitted_at"
)
_INSERT = text(
    """
    INSERT INTO submissions (submission_id, purpose, invitation_id, generation, school_id, parent_id, account_id,
                             state, submitted_at)
    VALUES (:submission_id, :purpose, :invitation_id, :generation, :school_id, :parent_id, :account_id,
            :state, :submitted_at)
    """
)
_FIND_OPEN = text(
    f"""
    SELECT {_COLUMNS} FROM submissions s
     WHERE invitation_id = :invitation_id AND generation = :generation AND purpose = :purpose
       AND state IN ('pending', 'accepted')
     ORDER BY state = 'pending' DESC, submitted_at DESC LIMIT 1
    """
)
_DECIDE = text(
    f"""
    UPDATE submissions s SET state = :state, reason = d.reason, decided_at = :now
      FROM (SELECT * FROM unnest(CAST(:submission_ids AS uuid[]), CAST(:reasons AS text[]))
                 AS row (submission_id, reason)) d
     WHERE s.submission_id = ANY(ARRAY(
               SELECT submission_id FROM submissions
                WHERE submission_id = ANY(CAST(:submission_ids AS uuid[])) AND state = 'pending'
                ORDER BY submission_id FOR UPDATE))
       AND d.submission_id = s.submission_id
    RETURNING {_COLUMNS}
    """
)
# Each invitation is looked up by itself. Table statistics show hardly any pending submissions, so that the planner
# would read all of them for a join.
_ACCEPT_VERIFICATIONS = text(
    """
    UPDATE submissions SET state = 'accepted', decided_at = :now
     WHERE submission_id = ANY(ARRAY(
               SELECT submission_id FROM submissions
                WHERE state = 'pending' AND submission_id = ANY(ARRAY(
                          SELECT match.submission_id
                            FROM unnest(CAST(:invitation_ids AS uuid[]), CAST(:generations AS integer[]))
                                 AS row (invitation_id, generation)
                           CROSS JOIN LATERAL (
                               SELECT s.submission_id FROM submissions s
                                WHERE s.invitation_id = row.invitation_id AND s.generation = row.generation
                                  AND s.purpose = 'verify' AND s.state = 'pending' OFFSET 0) AS match))
                ORDER BY submission_id FOR UPDATE))
    """
)
_REVERSE = text(
    """
    UPDATE submissions SET state = 'refused', reason = :reason
     WHERE submission_id = ANY(CAST(:submission_ids AS uuid[]))
    """
)
_LIST_DECIDED = text(
    """
    SELECT submission_id FROM submissions
     WHERE submission_id = ANY(CAST(:submission_ids AS uuid[])) AND state <> 'pending'
    """
)
# Each pause is as long as the time from the submission to the last message about it.
_IS_DUE = """
    state = 'pending' AND coalesce(asked_again_at, submitted_at) <= CAST(:now AS timestamptz) - least(
        greatest(CAST(:first_pause AS interval), coalesce(asked_again_at, submitted_at) - submitted_at),
        CAST(:longest_pause AS interval))
"""
_LIST_DUE = text(
    f"""
    SELECT invitation_id FROM submissions
     WHERE {_IS_DUE}
       AND coalesce(asked_again_at, submitted_at) <= CAST(:now AS timestamptz) - CAST(:first_pause AS interval)
     ORDER BY coalesce(asked_again_at, submitted_at) LIMIT :limit
    """
)
_CLAIM_DUE = text(
    f"""
    UPDATE submissions s SET asked_again_at = :now
     WHERE submission_id = ANY(ARRAY(
               SELECT DISTINCT ON (invitation_id) submission_id FROM submissions
                WHERE invitation_id = ANY(CAST(:invitation_ids AS uuid[])) AND {_IS_DUE}
                ORDER BY invitation_id, submitted_at))
       AND {_IS_DUE}
    RETURNING {_COLUMNS}
    """
)


async def insert_submission(tx: Transaction, submission: Submission) -> None:
    """Insert a pending submission. A link takes one pending submission at a time."""
    await tx.execute(
        _INSERT,
        {
            "submission_id": submission.submission_id,
            "purpose": submission.purpose.value,
            "invitation_id": submission.invitation_id,
            "generation": submission.generation,
            "school_id": submission.school_id,
            "parent_id": submission.parent_id,
            "account_id": submission.account_id,
            "state": submission.state.value,
            "submitted_at": submission.submitted_at,
        },
    )


async def find_open_submission(tx: Transaction, link: Link) -> Submission | None:
    """Return the pending submission on the link, otherwise the newest accepted one, otherwise None."""
    row = await tx.row(
        _FIND_OPEN,
        {"invitation_id": link.invitation_id, "generation": link.generation, "purpose": link.purpose.value},
    )
    return None if row is None else _build_submission(row)


async def accept_submissions(tx: Transaction, submission_ids: Sequence[UUID]) -> list[Submission]:
    """Accept those of the submissions that are pending, and return them."""
    return await _decide(tx, SubmissionState.ACCEPTED, dict.fromkeys(submission_ids))


async def refuse_submissions(tx: Transaction, refusals: Sequence[Refusal]) -> list[Submission]:
    """Refuse those of the submissions that are pending, each for its reason, and return them."""
    reasons = {refusal.submission_id: refusal.reason for refusal in refusals}
    return await _decide(tx, SubmissionState.REFUSED, reasons)


async def reverse_acceptances(tx: Transaction, accepted: Sequence[Submission], reason: RefusalReason) -> None:
    """Refuse submissions that this transaction has just accepted."""
    submission_ids = [submission.submission_id for submission in accepted]
    await tx.execute(_REVERSE, {"submission_ids": submission_ids, "reason": reason.value})


async def accept_verifications(
    tx: Transaction, invitation_ids: Sequence[UUID], generations: Sequence[int]
) -> None:
    """Accept the pending verifications of the invitations. `generations` has the generation of each invitation."""
    await tx.execute(
        _ACCEPT_VERIFICATIONS,
        {"invitation_ids": list(invitation_ids), "generations": list(generations), "now": tx.now},
    )


async def list_decided(tx: Transaction, submission_ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids of those submissions that are not pending any more."""
    rows = await tx.rows(_LIST_DECIDED, {"submission_ids": list(submission_ids)})
    return {row.submission_id for row in rows}


async def list_due_invitations(tx: Transaction, first_pause: timedelta, limit: int) -> list[UUID]:
    """Return the ids of up to `limit` invitations with a submission that is due to be sent again; see `claim_due`."""
    rows = await tx.rows(_LIST_DUE, {**_pauses(tx, first_pause), "limit": limit})
    return list({row.invitation_id for row in rows})


async def claim_due(
    tx: Transaction, first_pause: timedelta, invitation_ids: Sequence[UUID]
) -> list[Submission]:
    """Mark the oldest due submission of each invitation as sent again now, and return these submissions.

    A pending submission is due `first_pause` after it was made. Each later pause is as long as the time from the
    submission to the last message, six hours at most. The caller has locked the invitations, as it does wherever
    submissions are written.
    """
    rows = await tx.rows(_CLAIM_DUE, {**_pauses(tx, first_pause), "invitation_ids": list(invitation_ids)})
    return [_build_submission(row) for row in rows]


def _pauses(tx: Transaction, first_pause: timedelta) -> dict[str, Any]:
    return {"now": tx.now, "first_pause": first_pause, "longest_pause": LONGEST_PAUSE}


async def _decide(
    tx: Transaction, state: SubmissionState, reasons: Mapping[UUID, RefusalReason | None]
) -> list[Submission]:
    rows = await tx.rows(
        _DECIDE,
        {
            "state": state.value,
            "submission_ids": list(reasons),
            "reasons": [None if reason is None else reason.value for reason in reasons.values()],
            "now": tx.now,
        },
    )
    return [_build_submission(row) for row in rows]


def _build_submission(row: Row[Any]) -> Submission:
    fields = row._asdict()
    fields["purpose"] = Purpose(row.purpose)
    fields["state"] = SubmissionState(row.state)
    fields["reason"] = None if row.reason is None else RefusalReason(row.reason)
    return Submission(**fields)
