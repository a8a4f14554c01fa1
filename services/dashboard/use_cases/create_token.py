"""Create API tokens, and register tokens that were made without the register."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from services.dashboard.domain.api_tokens import AccessToken, Authority, Grant, GrantError, validate_grant
from services.dashboard.storage.access_tokens import claim_token, find_visible_schools, insert_token
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.web import API_CLIENT_PREFIX, mint_token, verify_token

OPERATOR = Authority("operator", None)


async def create_token(
    tx: Transaction, secret: str, grant: Grant, by: Authority, *, token_id: UUID | None = None
) -> tuple[AccessToken, str]:
    """Register a token and return it with its text, which is stored nowhere.

    With `token_id` a form that is sent twice creates one token. Raises GrantError.
    """
    grant = validate_grant(grant, by)
    await _check_schools(tx, grant)
    expires_at = tx.now + timedelta(days=grant.days)
    if (maker_expires_at := await _maker_expiry(tx, by)) is not None:
        expires_at = min(expires_at, maker_expires_at)
    token = AccessToken(
        token_id=token_id or new_id(),
        name=grant.name,
        rights=grant.rights,
        school_ids=grant.school_ids,
        made_by=by.actor,
        made_at=tx.now,
        expires_at=expires_at,
    )
    if not await insert_token(tx, token, by.token_id):
        raise GrantError("key", "already_made", "This token was made already, and was shown then.")
    return token, mint_token(
        secret,
        schools=token.school_ids,
        rights=token.rights,
        actor=token.name,
        lifetime_seconds=int((expires_at - tx.now).total_seconds()),
        identity=str(token.token_id),
    )


async def register_token(tx: Transaction, secret: str, text: str, name: str | None = None) -> UUID | None:
    """Register a token that was made without the register, so that it is listed and can be revoked.

    Return its id, or None if the text is not an API token.
    """
    principal = verify_token(secret, text)
    if principal.kind != "token":
        return None
    token = AccessToken(
        token_id=UUID(principal.id),
        name=name or principal.actor.removeprefix(API_CLIENT_PREFIX),
        rights=principal.rights,
        school_ids=principal.schools,
        made_by=OPERATOR.actor,
        made_at=tx.now,
        expires_at=None,
    )
    await insert_token(tx, token, None)
    return token.token_id


async def _check_schools(tx: Transaction, grant: Grant) -> None:
    if grant.school_ids is not None and await find_visible_schools(tx, grant.school_ids) != grant.school_ids:
        raise GrantError("school_ids", "school_not_found", "There is no such school, or it is not yours.")


async def _maker_expiry(tx: Transaction, by: Authority) -> datetime | None:
    """Return when the token of the maker expires, which the new token cannot outlive. Raises GrantError."""
    if by.token_id is None:
        return None
    maker = await claim_token(tx, by.token_id)
    if maker is None:
        raise GrantError("token", "not_registered", "This token is in no register, so it cannot make others.")
    if maker.revoked_at is not None:
        raise GrantError("token", "revoked", "This token was revoked.")
    return maker.expires_at
