"""API tokens of the register, for lists."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from services.dashboard.domain.api_tokens import AccessToken
from services.dashboard.storage.access_tokens import token_from_row
from services.dashboard.storage.tables import access_tokens
from shared.runtime.database import Transaction


async def list_tokens(
    tx: Transaction, *, after: UUID | None = None, limit: int
) -> tuple[list[AccessToken], UUID | None]:
    """Return a page, newest first, and the token after which the next page begins (None: this is the last page).

    Raises LookupError if `after` is not a visible token.
    """
    columns = access_tokens.c
    query = select(access_tokens).order_by(columns.made_at.desc(), columns.token_id.desc())
    if after is not None:
        last = await tx.row(select(columns.made_at, columns.token_id).where(columns.token_id == after))
        if last is None:
            raise LookupError(str(after))
        query = query.where(
            (columns.made_at < last.made_at)
            | ((columns.made_at == last.made_at) & (columns.token_id < last.token_id))
        )
    tokens = [token_from_row(row) for row in await tx.rows(query.limit(limit + 1))]
    return tokens[:limit], tokens[limit - 1].token_id if len(tokens) > limit else None


async def count_valid_tokens(tx: Transaction, made_by: str) -> int:
    """Return how many visible tokens of this maker are still valid."""
    columns = access_tokens.c
    query = select(func.count()).where(
        columns.made_by == made_by,
        columns.revoked_at.is_(None),
        columns.expires_at.is_(None) | (columns.expires_at > tx.now),
    )
    return int(await tx.scalar(query))
