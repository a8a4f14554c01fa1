"""Pressed buttons and the result pages that lead to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.signup.domain.accounts import RefusalReason, Submission, SubmissionState
from services.signup.domain.links import Link
from shared.runtime.database import Transaction

_COLUMNS = (
    "submission_id, invitation_id, generation, school_id, parent_id, account_id, state, reason, submitted_at"
)
_INSERT = text(
    """
    INSERT INTO submissions (submission_id, purpose, invitation_id, generation, school_id, parent_id, account_id,
                             state, submitted_at)
    VALUES (:submission_id, :purpose, :invitation_id, :generation, :school_id, :parent_id, :account_id,
            'pending', :submitted_at)
    """
)
_FIND_OPEN = text(
    f"""
    SELECT {_COLUMNS} FROM submissions
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
    RETURNING {", ".join("s." + column for column in _COLUMNS.split(", "))}
    """
)
# Each invitation is looked up by itself: statistics always say that next to nothing is pending, and a join by them
# would read all that is.
_VERIFIED = text(
    """
    UPDATE submissions SET state = 'accepted', decided_at = :now
     WHERE submission_id = ANY(ARRAY(
               SELECT submission_id FROM submissions
                WHERE state = 'pending' AND submission_id = ANY(ARRAY(
                          SELECT found.submission_id
                            FROM unnest(CAST(:invitation_ids AS uuid[]), CAST(:generations AS integer[]))
                                 AS row (invitation_id, generation)
                           CROSS JOIN LATERAL (
                               SELECT s.submission_id FROM submissions s
                                WHERE s.invitation_id = row.invitation_id AND s.generation = row.generation
                                  AND s.purpose = 'verify' AND s.state = 'pending' OFFSET 0) AS found))
                ORDER BY submission_id FOR UPDATE))
    """
)
_REVERSE = text(
    """
    UPDATE submissions SET state = 'refused', reason = :reason
     WHERE submission_id = ANY(CAST(:submission_ids AS uuid[]))
    """
)
_DECIDED = text(
    """
    SELECT submission_id FROM submissions
     WHERE submission_id = ANY(CAST(:submission_ids AS uuid[])) AND state <> 'pending'
    """
)
_ADD_RESULT = text(
    """
    INSERT INTO results (result_digest, submission_id, first_attempt, created_at)
    VALUES (:result_digest, :submission_id, :first_attempt, :now)
    """
)
_FORGET_RESULTS = text("DELETE FROM results WHERE created_at < :before")


async def add_submission(
    transaction: Transaction, submission_id: UUID, link: Link, account_id: UUID | None
) -> None:
    """A pending submission on the link, made at the transaction's `now`."""
    await transaction.execute(
        _INSERT,
        {
            "submission_id": submission_id,
            "purpose": link.purpose.value,
            "invitation_id": link.invitation_id,
            "generation": link.generation,
            "school_id": link.school_id,
            "parent_id": link.parent_id,
            "account_id": account_id,
            "submitted_at": transaction.now,
        },
    )


async def find_open(transaction: Transaction, link: Link) -> Submission | None:
    """The submission on this link that is pending, or else the accepted one."""
    row = await transaction.row(
        _FIND_OPEN,
        {"invitation_id": link.invitation_id, "generation": link.generation, "purpose": link.purpose.value},
    )
    return None if row is None else _submission(row)


async def accept(transaction: Transaction, submission_ids: Sequence[UUID]) -> list[Submission]:
    """Mark those of the submissions that are pending as accepted, and return them."""
    return await _decide(transaction, SubmissionState.ACCEPTED, dict.fromkeys(submission_ids))


async def refuse(transaction: Transaction, reasons: dict[UUID, RefusalReason]) -> list[Submission]:
    """Mark those of the submissions that are pending as refused, each with its reason, and return them."""
    return await _decide(transaction, SubmissionState.REFUSED, dict(reasons))


async def reverse(transaction: Transaction, submission_ids: Sequence[UUID], reason: RefusalReason) -> None:
    """Refuse what `accept` has just accepted in this transaction."""
    await transaction.execute(_REVERSE, {"submission_ids": list(submission_ids), "reason": reason.value})


async def accept_verifications(
    transaction: Transaction, invitation_ids: Sequence[UUID], generations: Sequence[int]
) -> None:
    """The pending verifications of these invitations, each in its generation, are accepted."""
    await transaction.execute(
        _VERIFIED,
        {"invitation_ids": list(invitation_ids), "generations": list(generations), "now": transaction.now},
    )


async def find_decided(transaction: Transaction, submission_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the submissions that are decided."""
    rows = await transaction.rows(_DECIDED, {"submission_ids": list(submission_ids)})
    return {row.submission_id for row in rows}


async def add_result(
    transaction: Transaction, result_digest: str, submission_id: UUID, *, first_attempt: bool
) -> None:
    """A page on which the browser that pressed the button sees what became of it."""
    await transaction.execute(
        _ADD_RESULT,
        {
            "result_digest": result_digest,
            "submission_id": submission_id,
            "first_attempt": first_attempt,
            "now": transaction.now,
        },
    )


async def forget_results(transaction: Transaction, before: datetime) -> None:
    """Result pages made before that moment are gone."""
    await transaction.execute(_FORGET_RESULTS, {"before": before})


async def _decide(
    transaction: Transaction, state: SubmissionState, reasons: dict[UUID, Any]
) -> list[Submission]:
    rows = await transaction.rows(
        _DECIDE,
        {
            "state": state.value,
            "submission_ids": list(reasons),
            "reasons": [None if reason is None else str(reason) for reason in reasons.values()],
            "now": transaction.now,
        },
    )
    return [_submission(row) for row in rows]


def _submission(row: Row[Any]) -> Submission:
    fields = row._asdict()
    fields["state"] = SubmissionState(row.state)
    fields["reason"] = None if row.reason is None else RefusalReason(row.reason)
    return Submission(**fields)
