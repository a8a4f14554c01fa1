"""Parents by id, over all schools: what other services say about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.storage.records import as_json
from shared.runtime.database import Transaction

_SIGNED_UP = text(
    """
    WITH said AS (
        SELECT r.school_id, r.parent_id, min(r.signed_up_at) AS signed_up_at
          FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (school_id uuid, parent_id uuid, signed_up_at timestamptz)
         GROUP BY r.school_id, r.parent_id),
    locked AS (
        SELECT p.school_id, p.parent_id, said.signed_up_at
          FROM parents p JOIN said USING (school_id, parent_id) ORDER BY p.parent_id FOR NO KEY UPDATE OF p)
    UPDATE parents p SET signed_up_at = least(p.signed_up_at, locked.signed_up_at)
      FROM locked WHERE p.school_id = locked.school_id AND p.parent_id = locked.parent_id
    """
)


async def mark_signed_up(tx: Transaction, signed_up: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """School, parent and moment; set-wise, in id order."""
    rows: list[dict[str, Any]] = [
        {"school_id": school_id, "parent_id": parent_id, "signed_up_at": moment}
        for school_id, parent_id, moment in signed_up
    ]
    await tx.execute(_SIGNED_UP, {"rows": as_json(rows)})
