"""Memberships: the accounts that belong to a parent record at a school."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.links import Submission
from shared.runtime.database import Transaction

_INSERT = text(
    """
    INSERT INTO memberships (account_id, school_id, parent_id, invitation_id, signed_up_at)
    SELECT account_id, school_id, parent_id, invitation_id, :now
      FROM unnest(CAST(:account_ids AS uuid[]), CAST(:school_ids AS uuid[]), CAST(:parent_ids AS uuid[]),
                  CAST(:invitation_ids AS uuid[])) AS row (account_id, school_id, parent_id, invitation_id)
    ON CONFLICT DO NOTHING
    """
)
_FOLLOW_ACCESS = text(
    """
    UPDATE memberships m
       SET ended_at = CASE WHEN p.removed OR cardinality(p.visible_student_ids) = 0
                           THEN coalesce(m.ended_at, :now) END
      FROM parents p
     WHERE m.parent_id = p.parent_id AND p.parent_id = ANY(CAST(:parent_ids AS uuid[]))
       AND (m.ended_at IS NULL) = (p.removed OR cardinality(p.visible_student_ids) = 0)
    """
)


async def insert_memberships(tx: Transaction, sign_ups: Sequence[Submission]) -> None:
    """Connect the account of each sign-up with its parent record, as of the transaction's `now`."""
    await tx.execute(
        _INSERT,
        {
            "account_ids": [sign_up.account_id for sign_up in sign_ups],
            "school_ids": [sign_up.school_id for sign_up in sign_ups],
            "parent_ids": [sign_up.parent_id for sign_up in sign_ups],
            "invitation_ids": [sign_up.invitation_id for sign_up in sign_ups],
            "now": tx.now,
        },
    )


async def update_membership_ends(tx: Transaction, parent_ids: Sequence[UUID]) -> None:
    """End the memberships of those parent records that have no access, and reopen those of the others."""
    await tx.execute(_FOLLOW_ACCESS, {"parent_ids": list(parent_ids), "now": tx.now})
