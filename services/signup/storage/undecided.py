"""Submissions that have waited too long for their decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.links import Purpose
from shared.runtime.database import Transaction

LONGEST_PAUSE = timedelta(hours=6)

# Each pause is as long as all the waiting before it, so that what stays undecided is asked about ever less often.
_IS_DUE = """
    state = 'pending' AND coalesce(asked_again_at, submitted_at) <= CAST(:now AS timestamptz) - least(
        greatest(CAST(:patience AS interval), coalesce(asked_again_at, submitted_at) - submitted_at),
        CAST(:longest AS interval))
"""
_FIND_DUE = text(
    f"""
    SELECT invitation_id FROM submissions
     WHERE {_IS_DUE}
       AND coalesce(asked_again_at, submitted_at) <= CAST(:now AS timestamptz) - CAST(:patience AS interval)
     ORDER BY coalesce(asked_again_at, submitted_at) LIMIT :limit
    """
)
_COUNT_MESSAGES = text(
    """
    UPDATE invitations SET submissions = submissions + 1
     WHERE invitation_id = ANY(ARRAY(
               SELECT invitation_id FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[]))
                ORDER BY invitation_id FOR UPDATE))
    RETURNING invitation_id, submissions
    """
)
_CLAIM = text(
    f"""
    UPDATE submissions SET asked_again_at = :now
     WHERE submission_id = ANY(ARRAY(
               SELECT DISTINCT ON (invitation_id) submission_id FROM submissions
                WHERE invitation_id = ANY(CAST(:ids AS uuid[])) AND {_IS_DUE}
                ORDER BY invitation_id, submitted_at))
       AND {_IS_DUE}
    RETURNING submission_id, invitation_id, generation, school_id, purpose, submitted_at
    """
)


@dataclass(frozen=True, slots=True)
class Undecided:
    """A submission without a decision; `version` is that of the next message about its invitation."""

    submission_id: UUID
    invitation_id: UUID
    generation: int
    school_id: UUID
    purpose: Purpose
    submitted_at: datetime
    version: int


async def claim_undecided(transaction: Transaction, patience: timedelta, limit: int) -> list[Undecided]:
    """Mark up to `limit` submissions that are due as asked about again now, one per invitation, and return them.

    Invitations' copies are locked first and in id order, as wherever decisions are written.
    """
    due = {"now": transaction.now, "patience": patience, "longest": LONGEST_PAUSE}
    found = await transaction.rows(_FIND_DUE, {**due, "limit": limit})
    ids = list({row.invitation_id for row in found})
    if not ids:
        return []
    versions = {
        row.invitation_id: row.submissions for row in await transaction.rows(_COUNT_MESSAGES, {"ids": ids})
    }
    claimed = await transaction.rows(_CLAIM, {**due, "ids": ids})
    return [
        Undecided(**{**row._asdict(), "purpose": Purpose(row.purpose)}, version=versions[row.invitation_id])
        for row in claimed
    ]
