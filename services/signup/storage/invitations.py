"""Replicas of invitations, and the links that were sent for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.signup.domain.links import InvitationState, Link, Purpose
from services.signup.domain.replicas import Invitation, IssuedLink
from shared.runtime.database import BatchStatement, ReplicaTable, Transaction

_INVITATIONS = ReplicaTable(
    "invitations",
    "invitation_id",
    {
        "invitation_id": "uuid",
        "school_id": "uuid",
        "parent_id": "uuid",
        "version": "bigint",
        "generation": "integer",
        "state": "text",
    },
)
_INSERT_LINKS = BatchStatement(
    """
    INSERT INTO links (purpose, {names})
    SELECT CAST(:purpose AS text), {names} FROM {rows}
    ON CONFLICT (token_digest) DO NOTHING
    """,
    {"token_digest": "text", "invitation_id": "uuid", "generation": "integer", "expires_at": "timestamptz"},
)
_FIND_LINK = text(
    """
    SELECT l.token_digest, l.purpose, l.invitation_id, l.generation, l.expires_at, i.school_id, i.parent_id,
           i.generation AS current_generation, i.state AS invitation_state, s.name AS school_name,
           coalesce(p.language, s.language) AS language,
           coalesce(p.name_words, '{}') AS name_words, coalesce(p.address_words, '{}') AS address_words
      FROM links l
      JOIN invitations i USING (invitation_id)
      LEFT JOIN schools s ON s.school_id = i.school_id
      LEFT JOIN parents p ON p.parent_id = i.parent_id
     WHERE l.token_digest = :token_digest AND l.purpose = :purpose
    """
)
# The UPDATE waits for other submissions on the invitation and returns its row as they left it. A link never changes.
_CLAIM_LINK = text(
    """
    WITH claimed AS (
        UPDATE invitations AS i SET submissions = i.submissions + 1
          FROM links AS l
         WHERE l.token_digest = :token_digest AND i.invitation_id = l.invitation_id
        RETURNING l.token_digest, l.purpose, l.invitation_id, l.generation, l.expires_at, i.school_id, i.parent_id,
                  i.generation AS current_generation, i.state AS invitation_state, i.submissions
    )
    SELECT claimed.*, s.name AS school_name, coalesce(p.language, s.language) AS language,
           coalesce(p.name_words, '{}') AS name_words, coalesce(p.address_words, '{}') AS address_words
      FROM claimed
      LEFT JOIN schools s ON s.school_id = claimed.school_id
      LEFT JOIN parents p ON p.parent_id = claimed.parent_id
    """
)
_CLAIM_NEW_LINK_REQUEST = text(
    """
    UPDATE invitations SET submissions = submissions + 1, fresh_link_requested_at = CAST(:now AS timestamptz)
     WHERE invitation_id = :invitation_id
       AND coalesce(fresh_link_requested_at, '-infinity') < CAST(:now AS timestamptz) - interval '1 minute'
    RETURNING submissions
    """
)
_CLAIM_VERSIONS = text(
    """
    UPDATE invitations SET submissions = submissions + 1
     WHERE invitation_id = ANY(ARRAY(
               SELECT invitation_id FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[]))
                ORDER BY invitation_id FOR UPDATE))
    RETURNING invitation_id, submissions
    """
)


async def save_invitations(tx: Transaction, invitations: Sequence[Invitation]) -> None:
    """Save the newest version of each invitation."""
    await _INVITATIONS.save(tx, invitations)


async def insert_links(tx: Transaction, purpose: Purpose, links: Sequence[IssuedLink]) -> None:
    """Insert the links. One that is stored already stays as it is."""
    await tx.execute(*_INSERT_LINKS.bind(links, purpose=purpose.value))


async def find_link(tx: Transaction, purpose: Purpose, token_digest: str) -> Link | None:
    """Return the link of this purpose whose token has the digest (SHA-256, hex), or None."""
    row = await tx.row(_FIND_LINK, {"token_digest": token_digest, "purpose": purpose.value})
    return None if row is None else _build_link(row._asdict())


async def claim_link(tx: Transaction, token_digest: str) -> tuple[Link, int] | None:
    """Lock the invitation of the link, and return the link and the version of the next message about the invitation.

    The lock lasts until the transaction ends. Returns None if no link has the digest.
    """
    row = await tx.row(_CLAIM_LINK, {"token_digest": token_digest})
    if row is None:
        return None
    fields = row._asdict()
    version = int(fields.pop("submissions"))
    return _build_link(fields), version


async def claim_new_link_request(tx: Transaction, invitation_id: UUID) -> int | None:
    """Record a request for a new link at the transaction's `now`, and return the version of the message about it.

    Returns None if the last request is less than one minute old.
    """
    version = await tx.scalar(_CLAIM_NEW_LINK_REQUEST, {"invitation_id": invitation_id, "now": tx.now})
    return None if version is None else int(version)


async def claim_message_versions(tx: Transaction, invitation_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Lock the invitations in the order of their ids, and return for each the version of the next message about it."""
    rows = await tx.rows(_CLAIM_VERSIONS, {"ids": list(invitation_ids)})
    return {row.invitation_id: row.submissions for row in rows}


def _build_link(fields: dict[str, Any]) -> Link:
    purpose, state = Purpose(fields["purpose"]), InvitationState(fields["invitation_state"])
    words = {name: tuple(fields[name]) for name in ("name_words", "address_words")}
    return Link(**{**fields, **words, "purpose": purpose, "invitation_state": state})
