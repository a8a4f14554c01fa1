"""/dashboard/v1/tokens: making, listing and revoking tokens, for programs whose own token holds the right admin."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.dashboard.domain.tokens import (
    LONGEST_DAYS,
    NAME_LENGTH,
    AccessToken,
    Authority,
    Grant,
    GrantError,
    TokenState,
)
from services.dashboard.http.context import WithContext
from services.dashboard.http.cursors import Cursor, after, bad_cursor
from services.dashboard.service.tokens import mint_token, revoke_token
from services.dashboard.service.waiting import heard
from services.dashboard.views.tokens import list_tokens
from shared.runtime.web import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Principal,
    Problem,
    Right,
    encode_cursor,
    requires,
    school_not_found,
)

router = APIRouter(prefix="/dashboard/v1/tokens", tags=["tokens"])
Admin = Annotated[Principal, Depends(requires("admin"))]


class TokenIn(BaseModel):
    """What the token is for. `school_ids` null: every school; `days` null: valid until it is revoked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "nightly import", "rights": ["roster:write"], "school_ids": None, "days": 365}
            ]
        },
    )

    name: str = Field(min_length=1, max_length=NAME_LENGTH)
    rights: list[Right] = Field(min_length=1)
    school_ids: list[UUID] | None = Field(None, min_length=1, max_length=1_000)
    days: int | None = Field(None, ge=1, le=LONGEST_DAYS)


class TokenOut(BaseModel):
    """A line of the register; moments are UTC."""

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
    def of(cls, token: AccessToken, now: datetime) -> Self:
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
    """The only answer that ever holds the token itself."""

    token: str


class RevokedOut(TokenOut):
    """`announced`: the bus has it, so every service refuses the token; else they will when the bus is back."""

    announced: bool


class TokenPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[TokenOut]
    next: str | None


@router.get("", summary="Tokens of programs, the newest first")
async def get_tokens(
    context: WithContext,
    caller: Admin,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> TokenPage:
    async with context.database.transaction(schools=caller.scope) as tx:
        try:
            found, following = await list_tokens(tx, after=after(cursor), limit=limit)
        except LookupError:
            raise bad_cursor() from None
    items = [TokenOut.of(token, tx.now) for token in found]
    return TokenPage(items=items, next=encode_cursor(str(following)) if following else None)


@router.post("", status_code=201, summary="Make a token; it is shown in this answer only")
async def post_token(context: WithContext, caller: Admin, body: TokenIn) -> MintedOut:
    """A token may make others for its own schools; they end with it."""
    grant = Grant(
        body.name,
        frozenset(body.rights),
        None if body.school_ids is None else frozenset(body.school_ids),
        body.days,
    )
    async with context.database.transaction(schools=caller.scope) as tx:
        try:
            token, text = await mint_token(tx, context.secret, grant, _authority(caller))
        except GrantError as error:
            if error.code == "school_not_found":
                raise school_not_found() from None
            raise Problem(422, error.code, error.message, field=error.field) from None
    return MintedOut(**TokenOut.of(token, tx.now).model_dump(), token=text)


@router.delete("/{token_id}", summary="Revoke a token, and what was made with it")
async def delete_token(request: Request, context: WithContext, caller: Admin, token_id: UUID) -> RevokedOut:
    async with context.database.transaction(schools=caller.scope) as tx:
        token = await revoke_token(tx, token_id, _authority(caller))
    if token is None:
        raise Problem(404, "token_not_found", "There is no such token.")
    told = await announced(request, token_id)
    return RevokedOut(**TokenOut.of(token, tx.now).model_dump(), announced=told)


async def announced(request: Request, token_id: UUID) -> bool:
    """Whether the revocation came back from the bus, on which every service hears it, within two seconds."""
    return await heard(lambda: bool(request.app.state.revocations.heard(str(token_id))))


def _authority(caller: Principal) -> Authority:
    made_with = UUID(caller.id) if caller.kind == "token" else None
    return Authority(f"token:{caller.id}" if made_with else caller.actor, caller.schools, made_with)
