"""What every route needs: the database, one answer per idempotency key, a limit for bodies that are no files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from shared.runtime.database import Database, Transaction
from shared.runtime.web import (
    DEFAULT_BODY_BYTES,
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Principal,
    find_stored_response,
    keyed_request,
    store_response,
    too_large,
)

PREFIX = "/roster/v1/schools"
SCHOOL = f"{PREFIX}/{{school_id}}"
Work = Callable[[Transaction], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Context:
    """Given to the routes by the composition root."""

    database: Database
    import_max_bytes: int


async def context(request: Request) -> Context:
    """The context of the app that answers."""
    found: Context = request.app.state.context
    return found


async def small_body(request: Request) -> None:
    """Raises Problem 413: only files may be larger."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > DEFAULT_BODY_BYTES:
        raise too_large(DEFAULT_BODY_BYTES)


Ctx = Annotated[Context, Depends(context)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", description="The same key answers as before.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items per page.")]
Search = Annotated[
    str | None, Query(max_length=200, pattern="^[^\x00]*$", description="Finds its words anywhere.")
]
DEFAULT_PAGE = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Write:
    """One writing request. `school_id` is None where the school is yet to be made."""

    ctx: Context
    principal: Principal
    route: str
    school_id: UUID | None
    key: str | None = None
    field: str | None = None
    body: Any = None

    async def once(self, work: Work, status: int = 200) -> JSONResponse:
        """Do the work in one transaction and answer; a key that was used answers what it answered then."""
        schools = self.principal.scope if self.school_id is None else [self.school_id]
        route = f"{self.route} {self.school_id}"
        asked = keyed_request(self.principal, route, self.key, self.field, jsonable_encoder(self.body))
        async with self.ctx.database.transaction(schools=schools) as tx:
            earlier = await find_stored_response(tx, asked) if asked else None
            if earlier is not None:
                return JSONResponse(earlier.body, earlier.status)
            body = jsonable_encoder(await work(tx))
            if asked:
                await store_response(tx, asked, status, body)
        return JSONResponse(body, status)
