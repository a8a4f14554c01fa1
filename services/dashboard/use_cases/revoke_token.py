"""Revoke an API token together with all tokens that were made with it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.dashboard.domain.api_tokens import AccessToken, Authority
from services.dashboard.storage.access_tokens import claim_token, revoke_with_descendants
from shared.contracts.dashboard import INSTALLATION, AccessTokenRevoked
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


async def revoke_token(tx: Transaction, token_id: UUID, by: Authority) -> AccessToken | None:
    """Revoke the token and return it, or None if there is no such token that the caller may see.

    Services reject it as soon as they receive the event. Revoking it a second time changes nothing.
    """
    if await claim_token(tx, token_id) is None:
        return None
    revoked = await revoke_with_descendants(tx, token_id, by.actor)
    await emit(
        tx, *(revocation_message(revoked_id, schools, tx.now, by.actor) for revoked_id, schools in revoked)
    )
    return await claim_token(tx, token_id)


def revocation_message(
    token_id: UUID, school_ids: Collection[UUID] | None, revoked_at: datetime, actor: str
) -> OutboxMessage:
    """Return the event of a revocation; it belongs to the token's school, or to the installation if it is not one."""
    school_id = next(iter(school_ids)) if school_ids is not None and len(school_ids) == 1 else INSTALLATION
    return OutboxMessage(AccessTokenRevoked(token_id=token_id, revoked_at=revoked_at), school_id, 1, actor)
