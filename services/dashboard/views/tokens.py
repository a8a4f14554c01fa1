"""The register of tokens as lists show it."""

from uuid import UUID

from sqlalchemy import func, select

from services.dashboard.domain.tokens import AccessToken
from services.dashboard.storage.tables import access_tokens
from services.dashboard.storage.tokens import token_of
from shared.runtime.database import Transaction


async def list_tokens(
    tx: Transaction, *, after: UUID | None = None, limit: int
) -> tuple[list[AccessToken], UUID | None]:
    """The newest first, and where the next page begins; `after` is where the last one ended."""
    wanted = select(access_tokens).order_by(access_tokens.c.made_at.desc(), access_tokens.c.token_id.desc())
    if after is not None:
        last = select(access_tokens.c.made_at, access_tokens.c.token_id).where(
            access_tokens.c.token_id == after
        )
        row = await tx.row(last)
        if row is None:
            raise LookupError
        older = (access_tokens.c.made_at < row.made_at) | (
            (access_tokens.c.made_at == row.made_at) & (access_tokens.c.token_id < row.token_id)
        )
        wanted = wanted.where(older)
    found = [token_of(row) for row in await tx.rows(wanted.limit(limit + 1))]
    following = found[limit - 1].token_id if len(found) > limit else None
    return found[:limit], following


async def find_token(tx: Transaction, token_id: UUID) -> AccessToken | None:
    row = await tx.row(select(access_tokens).where(access_tokens.c.token_id == token_id))
    return token_of(row) if row else None


async def count_valid(tx: Transaction, made_by: str) -> int:
    """How many tokens of this maker services still take, of those that are in scope."""
    columns = access_tokens.c
    valid = select(func.count()).where(
        columns.made_by == made_by,
        columns.revoked_at.is_(None),
        columns.expires_at.is_(None) | (columns.expires_at > tx.now),
    )
    return int(await tx.scalar(valid))
