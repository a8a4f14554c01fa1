"""Table `access_tokens`: the register of API tokens.

Row level security shows a route the tokens of which every school is in its scope.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.domain.api_tokens import AccessToken
from services.dashboard.storage.tables import access_tokens, schools
from shared.runtime.database import Transaction

# A token that was made with another token ends with it, at any depth.
_REVOKE = text(
    """
    WITH RECURSIVE ended (token_id) AS (
        SELECT token_id FROM access_tokens WHERE token_id = :token_id
        UNION SELECT child.token_id FROM access_tokens AS child JOIN ended ON child.made_by_token = ended.token_id
    )
    UPDATE access_tokens AS token SET revoked_at = now(), revoked_by = :actor
      FROM ended WHERE token.token_id = ended.token_id AND token.revoked_at IS NULL
    RETURNING token.token_id, token.school_ids
    """
)
_IS_PENDING = """
EXISTS (SELECT FROM outbox_runs AS run
          JOIN outbox ON outbox.lane = run.lane AND outbox.id BETWEEN run.first_id AND run.last_id
         WHERE outbox.topic = :topic)
"""
_UNPUBLISHED = text(
    f"""
    SELECT token_id, school_ids, revoked_at, revoked_by FROM access_tokens
     WHERE revoked_at < now() - make_interval(secs => :seconds) AND (expires_at IS NULL OR expires_at > now())
       AND NOT token_id::text = ANY (CAST(:published AS text[]))
       AND NOT {_IS_PENDING}
     ORDER BY token_id
    """
)
_PENDING = text(f"SELECT {_IS_PENDING}")


async def insert_token(tx: Transaction, token: AccessToken, made_by_token: UUID | None) -> bool:
    """Insert a token. Return False if one with this id exists already."""
    values = {
        "token_id": token.token_id,
        "name": token.name,
        "rights": sorted(token.rights),
        "school_ids": None if token.school_ids is None else sorted(token.school_ids),
        "made_by": token.made_by,
        "made_by_token": made_by_token,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
    }
    result = await tx.execute(insert(access_tokens).values(values).on_conflict_do_nothing())
    return bool(result.rowcount == 1)


async def claim_token(tx: Transaction, token_id: UUID) -> AccessToken | None:
    """Return the token, locked until the transaction ends against revocation and against making tokens with it."""
    query = select(access_tokens).where(access_tokens.c.token_id == token_id).with_for_update()
    row = await tx.row(query)
    return token_from_row(row) if row else None


async def revoke_with_descendants(
    tx: Transaction, token_id: UUID, actor: str
) -> list[tuple[UUID, list[UUID] | None]]:
    """Revoke the token and all tokens made with it. Return the ids and schools of those that were valid until now.

    A statement does not see tokens that were being made while it waited for the lock of their maker, so it is
    repeated until it changes nothing. No token can be made with a revoked one (see `claim_token`).
    """
    revoked: list[tuple[UUID, list[UUID] | None]] = []
    while rows := await tx.rows(_REVOKE, {"token_id": token_id, "actor": actor}):
        revoked += [(row.token_id, row.school_ids) for row in rows]
    return revoked


async def list_unpublished_revocations(
    tx: Transaction, published: Collection[str], topic: str, *, after_seconds: float
) -> list[Row[Any]]:
    """Return unexpired tokens, revoked more than `after_seconds` ago, whose ids are not in `published`.

    The list is empty while the outbox holds an unpublished message of the topic.
    """
    values = {"published": sorted(published), "topic": topic, "seconds": after_seconds}
    return list(await tx.rows(_UNPUBLISHED, values))


async def has_pending_messages(tx: Transaction, topic: str) -> bool:
    """Return whether the outbox holds an unpublished message of the topic."""
    return bool(await tx.scalar(_PENDING, {"topic": topic}))


async def find_visible_schools(tx: Transaction, school_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the schools that exist and that the transaction may see."""
    rows = await tx.rows(select(schools.c.school_id).where(schools.c.school_id.in_(list(school_ids))))
    return {row.school_id for row in rows}


def token_from_row(row: Row[Any]) -> AccessToken:
    """Convert a row of the table."""
    return AccessToken(
        token_id=row.token_id,
        name=row.name,
        rights=frozenset(row.rights),
        school_ids=None if row.school_ids is None else frozenset(row.school_ids),
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
