"""Making and revoking tokens of programs, and saying on the bus which are over."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from services.dashboard.domain.tokens import AccessToken, Authority, Grant, GrantError, checked
from services.dashboard.storage import tokens as storage
from shared.contracts.dashboard import INSTALLATION, AccessTokenRevoked
from shared.contracts.topics import DASHBOARD_ACCESS
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit
from shared.runtime.web import API_CLIENT_PREFIX, mint_token, verify_token

OPERATOR = Authority("operator", None)
# A revocation that is younger may still be on its way.
UNHEARD_AFTER_SECONDS = 30.0


async def mint_token(
    tx: Transaction, secret: str, grant: Grant, by: Authority, *, token_id: UUID | None = None
) -> tuple[AccessToken, str]:
    """Enter a token into the register; the text that its holder sends is answered here and kept nowhere.

    `token_id` makes a form that is sent twice make one token. Raises GrantError.
    """
    grant = checked(grant, by)
    await _check_schools(tx, grant)
    token = AccessToken(
        token_id=token_id or new_id(),
        name=grant.name,
        rights=grant.rights,
        school_ids=grant.school_ids,
        made_by=by.actor,
        made_at=tx.now,
        expires_at=_earlier(
            tx.now + timedelta(days=grant.days) if grant.days else None, await _end_of_maker(tx, by)
        ),
    )
    if not await storage.add(tx, token, by.token_id):
        raise GrantError("key", "already_made", "This token was made already, and was shown then.")
    return token, mint_token(
        secret,
        schools=token.school_ids,
        rights=token.rights,
        actor=token.name,
        lifetime_seconds=int((token.expires_at - tx.now).total_seconds()) if token.expires_at else None,
        identity=str(token.token_id),
    )


async def revoke_token(tx: Transaction, token_id: UUID, by: Authority) -> AccessToken | None:
    """The token is over, and all that were made with it; None when there is none that the caller may see.

    A second time changes nothing. Every service refuses it as soon as the bus has told it.
    """
    if await storage.hold(tx, token_id) is None:
        return None
    ended = await storage.revoke_all_of(tx, token_id, by.actor)
    await emit(tx, *(_fact(one, schools, tx.now, by.actor) for one, schools in ended))
    return await storage.hold(tx, token_id)


async def enter_token(tx: Transaction, secret: str, text: str, name: str | None = None) -> UUID | None:
    """Enter a token that was made without the register, so that it can be seen and revoked; None for no token."""
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
    await storage.add(tx, token, None)
    return token.token_id


async def say_again(
    tx: Transaction, heard: Collection[str], *, after_seconds: float = UNHEARD_AFTER_SECONDS
) -> int:
    """Say on the bus what the register knows and the bus has lost; how many revocations that was.

    `heard` are the ids that the topic holds. The register is what counts: a bus can be replaced by an empty one.
    """
    rows = await storage.unheard(tx, heard, DASHBOARD_ACCESS.name, after_seconds=after_seconds)
    facts = [_fact(row.token_id, row.school_ids, row.revoked_at, row.revoked_by) for row in rows]
    await emit(tx, *facts)
    return len(facts)


async def is_announced(tx: Transaction) -> bool:
    """Whether the bus has every revocation that was committed."""
    return not await storage.is_pending(tx, DASHBOARD_ACCESS.name)


def _fact(token_id: UUID, schools: Collection[UUID] | None, at: datetime, actor: str) -> OutboxMessage:
    only = next(iter(schools)) if schools is not None and len(schools) == 1 else INSTALLATION
    return OutboxMessage(AccessTokenRevoked(token_id=token_id, revoked_at=at), only, 1, actor)


async def _check_schools(tx: Transaction, grant: Grant) -> None:
    if grant.school_ids is not None and await storage.known_schools(tx, grant.school_ids) != grant.school_ids:
        raise GrantError("school_ids", "school_not_found", "There is no such school, or it is not yours.")


async def _end_of_maker(tx: Transaction, by: Authority) -> datetime | None:
    """A token cannot outlive the one it was made with, nor be made with one that is over."""
    if by.token_id is None:
        return None
    maker = await storage.hold(tx, by.token_id)
    if maker is None:
        raise GrantError("token", "not_registered", "This token is in no register, so it cannot make others.")
    if maker.revoked_at is not None:
        raise GrantError("token", "revoked", "This token was revoked.")
    return maker.expires_at


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    both = [end for end in (one, other) if end is not None]
    return min(both, default=None)
