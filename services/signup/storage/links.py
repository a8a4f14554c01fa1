"""Links by their token's digest, and the invitation copies that give them their state."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.links import InvitationState, Link, Purpose
from shared.runtime.database import BatchStatement, Transaction

_FIND = text(
    """
    SELECT l.purpose, l.invitation_id, l.generation, l.expires_at, i.school_id, i.parent_id,
           i.generation AS current_generation, i.state AS invitation_state, s.name AS school_name,
           coalesce(p.language, s.language) AS language
      FROM links l
      JOIN invitations i USING (invitation_id)
      LEFT JOIN schools s ON s.school_id = i.school_id
      LEFT JOIN parents p ON p.parent_id = i.parent_id
     WHERE l.token_digest = :token_digest AND l.purpose = :purpose
    """
)
_INVITATIONS = BatchStatement(
    """
    INSERT INTO invitations AS i ({names})
    SELECT * FROM {rows} ORDER BY invitation_id
    ON CONFLICT (invitation_id) DO UPDATE SET version = excluded.version, generation = excluded.generation,
        state = excluded.state
     WHERE i.version < excluded.version
    """,
    {
        "invitation_id": "uuid",
        "school_id": "uuid",
        "parent_id": "uuid",
        "version": "bigint",
        "generation": "integer",
        "state": "text",
    },
)
_LINKS = BatchStatement(
    """
    INSERT INTO links (purpose, {names})
    SELECT CAST(:purpose AS text), {names} FROM {rows}
    ON CONFLICT (token_digest) DO NOTHING
    """,
    {"token_digest": "text", "invitation_id": "uuid", "generation": "integer", "expires_at": "timestamptz"},
)
_NEXT_SUBMISSION = text(
    """
    UPDATE invitations SET submissions = submissions + 1 WHERE invitation_id = :invitation_id
    RETURNING submissions
    """
)
_CLAIM_FRESH = text(
    """
    UPDATE invitations SET submissions = submissions + 1, fresh_link_requested_at = CAST(:now AS timestamptz)
     WHERE invitation_id = :invitation_id
       AND coalesce(fresh_link_requested_at, '-infinity') < CAST(:now AS timestamptz) - interval '1 minute'
    RETURNING submissions
    """
)

Columns = dict[str, list[Any]]


async def find_link(transaction: Transaction, purpose: Purpose, token_digest: str) -> Link | None:
    """The genuine link of this digest (SHA-256, hex) and purpose, or None."""
    row = await transaction.row(_FIND, {"token_digest": token_digest, "purpose": purpose.value})
    if row is None:
        return None
    fields = row._asdict()
    fields["purpose"] = Purpose(row.purpose)
    fields["invitation_state"] = InvitationState(row.invitation_state)
    return Link(**fields)


async def save_invitations(transaction: Transaction, columns: Columns) -> None:
    """One row per invitation: invitation_id, school_id, parent_id, version, generation, state."""
    await transaction.execute(*_INVITATIONS.bind_columns(columns))


async def save_links(transaction: Transaction, purpose: Purpose, columns: Columns) -> None:
    """One row per link: token_digest, invitation_id, generation, expires_at. A known link stays as it is."""
    await transaction.execute(*_LINKS.bind_columns(columns, purpose=purpose.value))


async def lock_for_submission(transaction: Transaction, invitation_id: UUID) -> int:
    """Lock the invitation's copy and count one more message about it; the count is that message's version."""
    return int(await transaction.scalar(_NEXT_SUBMISSION, {"invitation_id": invitation_id}))


async def claim_fresh_link(transaction: Transaction, invitation_id: UUID, now: datetime) -> int | None:
    """The version for a request for a fresh link, or None when one was made less than a minute ago."""
    version = await transaction.scalar(_CLAIM_FRESH, {"invitation_id": invitation_id, "now": now})
    return None if version is None else int(version)
