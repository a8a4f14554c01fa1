"""/dashboard/v1/tokens: make, list and revoke API tokens, for API clients with the right `admin`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.dashboard.domain.api_tokens import (
    MAX_LIFETIME_DAYS,
    MAX_NAME_LENGTH,
    AccessToken,
    Authority,
    Grant,
    GrantError,
    TokenState,
)
from services.dashboard.http.context import AppContext
from services.dashboard.http.cursors import Cursor, bad_cursor, next_cursor, parse_cursor
from services.dashboard.use_cases.create_token import create_token
from services.dashboard.use_cases.revoke_token import revoke_token
from services.dashboard.use_cases.wait_for_projection import wait_until
from services.dashboard.views.tokens import list_tokens
from shared.runtime.web import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Principal,
    Problem,
    Right,
    TokenRevocations,
    requires,
    school_not_found,
)

router = APIRouter(prefix="/dashboard/v1/tokens", tags=["tokens"])
Admin = Annotated[Principal, Depends(requires("admin"))]


class TokenIn(BaseModel):
    """Request for a token. `school_ids` null: every school; `days` null: the longest period, three years."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "nightly import", "rights": ["roster:write"], "school_ids": None, "days": 365}
            ]
        },
    )

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    rights: list[Right] = Field(min_length=1)
    school_ids: list[UUID] | None = Field(None, min_length=1, max_length=1_000)
    days: int | None = Field(None, ge=1, le=MAX_LIFETIME_DAYS)


class TokenOut(BaseModel):
    """Registered token; times are UTC."""

    token_id: UUID
    name: str
    rights: list[str]
    school_ids: list[UUID] | None
    state: TokenState
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    @classmethod
    def from_token(cls, token: AccessToken, now: datetime) -> Self:
        """Convert a token with its state at `now`."""
        return cls(
            token_id=token.token_id,
            name=token.name,
            rights=sorted(token.rights),
            school_ids=None if token.school_ids is None else sorted(token.school_ids),
            state=token.state(now),
            made_by=token.made_by,
            made_at=token.made_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            revoked_by=token.revoked_by,
        )


class MintedOut(TokenOut):
    """New token with its text, which no other response contains."""

    token: str


class RevokedOut(TokenOut):
    """Revoked token. `announced`: every service rejects it; otherwise they will as soon as the broker is back."""

    announced: bool


class TokenPage(BaseModel):
    """Page of tokens; `next` is the cursor of the next page, null on the last one."""

    items: list[TokenOut]
    next: str | None


@router.get("", summary="Tokens of programs, the newest first")
async def get_tokens(
    context: AppContext,
    caller: Admin,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> TokenPage:
    async with context.database.transaction(schools=caller.scope) as tx:
        try:
            tokens, last_id = await list_tokens(tx, after=parse_cursor(cursor), limit=limit)
        except LookupError:
            raise bad_cursor() from None
    items = [TokenOut.from_token(token, tx.now) for token in tokens]
    return TokenPage(items=items, next=next_cursor(last_id))


@router.post("", status_code=201, summary="Make a token; it is shown in this answer only")
async def post_token(context: AppContext, caller: Admin, body: TokenIn) -> MintedOut:
    """Make a token. A token may make others for its own schools; they end with it."""
    grant = Grant(
        body.name,
        frozenset(body.rights),
        None if body.school_ids is None else frozenset(body.school_ids),
        body.days or MAX_LIFETIME_DAYS,
    )
    async with context.database.transaction(schools=caller.scope) as tx:
        try:
            token, text = await create_token(tx, context.secret, grant, _authority(caller))
        except GrantError as error:
            if error.code == "school_not_found":
                raise school_not_found() from None
            raise Problem(422, error.code, error.message, field=error.field) from None
    return MintedOut(**TokenOut.from_token(token, tx.now).model_dump(), token=text)


@router.delete("/{token_id}", summary="Revoke a token, and what was made with it")
async def delete_token(request: Request, context: AppContext, caller: Admin, token_id: UUID) -> RevokedOut:
    async with context.database.transaction(schools=caller.scope) as tx:
        token = await revoke_token(tx, token_id, _authority(caller))
    if token is None:
        raise Problem(404, "token_not_found", "There is no such token.")
    announced = await wait_until_announced(request, token_id)
    return RevokedOut(**TokenOut.from_token(token, tx.now).model_dump(), announced=announced)


async def wait_until_announced(request: Request, token_id: UUID) -> bool:
    """Return whether the revocation came back from the broker, where every service reads it, within two seconds."""
    revocations: TokenRevocations = request.app.state.revocations

    async def is_announced() -> bool:
        return revocations.is_known_revoked(str(token_id))

    return await wait_until(is_announced)


def _authority(caller: Principal) -> Authority:
    made_with_token_id = UUID(caller.id) if caller.kind == "token" else None
    return Authority(
        f"token:{caller.id}" if made_with_token_id else caller.actor, caller.schools, made_with_token_id
    )
