"""The register of tokens. Routes see those of which every school is theirs; the database sees to that."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.domain.tokens import AccessToken
from services.dashboard.storage.tables import access_tokens, schools
from shared.runtime.database import Transaction

# What a token made ends with it, and so on.
_REVOKE = text(
    """
    WITH RECURSIVE over (token_id) AS (
        SELECT token_id FROM access_tokens WHERE token_id = :token_id
        UNION SELECT made.token_id FROM access_tokens AS made JOIN over ON made.made_by_token = over.token_id
    )
    UPDATE access_tokens AS one SET revoked_at = now(), revoked_by = :actor
      FROM over WHERE one.token_id = over.token_id AND one.revoked_at IS NULL
    RETURNING one.token_id, one.school_ids
    """
)
_UNHEARD = text(
    """
    SELECT token_id, school_ids, revoked_at, revoked_by FROM access_tokens
     WHERE revoked_at < now() - make_interval(secs => :seconds) AND (expires_at IS NULL OR expires_at > now())
       AND NOT token_id::text = ANY (CAST(:heard AS text[]))
       AND NOT EXISTS (SELECT FROM outbox_pending JOIN outbox USING (lane, id) WHERE topic = :topic)
     ORDER BY token_id
    """
)
_PENDING = text(
    "SELECT EXISTS (SELECT FROM outbox_pending JOIN outbox USING (lane, id) WHERE topic = :topic)"
)


async def add(tx: Transaction, token: AccessToken, made_by_token: UUID | None) -> bool:
    """Enter a token; False when one with this id is there already."""
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
    done = await tx.execute(insert(access_tokens).values(values).on_conflict_do_nothing())
    return bool(done.rowcount == 1)


async def hold(tx: Transaction, token_id: UUID) -> AccessToken | None:
    """The token, locked: nothing is made with it, and nobody ends it, before this transaction is over."""
    wanted = select(access_tokens).where(access_tokens.c.token_id == token_id).with_for_update()
    row = await tx.row(wanted)
    return token_of(row) if row else None


async def revoke_all_of(tx: Transaction, token_id: UUID, actor: str) -> list[tuple[UUID, list[UUID] | None]]:
    """Ids and schools of the tokens that ended: the token and all that were made with it.

    A statement does not see what was being made with one of them while it waited for that one's row, so it is said
    again until nothing is left; with those that have ended nothing more is made (`hold`).
    """
    ended: list[tuple[UUID, list[UUID] | None]] = []
    while rows := await tx.rows(_REVOKE, {"token_id": token_id, "actor": actor}):
        ended += [(row.token_id, row.school_ids) for row in rows]
    return ended


async def unheard(
    tx: Transaction, heard: Collection[str], topic: str, *, after_seconds: float
) -> list[Row[Any]]:
    """Revoked tokens that nobody on the bus can know of; none while something still waits for the relay."""
    values = {"heard": sorted(heard), "topic": topic, "seconds": after_seconds}
    return list(await tx.rows(_UNHEARD, values))


async def is_pending(tx: Transaction, topic: str) -> bool:
    """Whether something of the topic waits for the relay."""
    return bool(await tx.scalar(_PENDING, {"topic": topic}))


async def known_schools(tx: Transaction, school_ids: Collection[UUID]) -> set[UUID]:
    """Those of the schools that there are, as far as this transaction sees them."""
    rows = await tx.rows(select(schools.c.school_id).where(schools.c.school_id.in_(list(school_ids))))
    return {row.school_id for row in rows}


def token_of(row: Row[Any]) -> AccessToken:
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
