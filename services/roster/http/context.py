"""Context of the routes: the database, writing requests with idempotency keys, and common parameters."""

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
    """Dependencies of the routes, set by the composition root as `app.state.context`."""

    database: Database
    import_max_bytes: int


async def get_context(request: Request) -> Context:
    """Return the context of the app that answers the request."""
    context: Context = request.app.state.context
    return context


async def limit_body(request: Request) -> None:
    """Raise Problem 413 for a body that is larger than a request without a file needs."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > DEFAULT_BODY_BYTES:
        raise too_large(DEFAULT_BODY_BYTES)


AppContext = Annotated[Context, Depends(get_context)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", description="The same key answers as before.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items per page.")]
Search = Annotated[
    str | None, Query(max_length=200, pattern="^[^\x00]*$", description="Finds its words anywhere.")
]
DEFAULT_PAGE = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Writing request with its idempotency key, if it has one. `school_id` is None where a school is registered."""

    ctx: Context
    principal: Principal
    route: str
    school_id: UUID | None
    key: str | None = None
    field: str | None = None
    body: Any = None

    async def run(self, work: Work, status: int = 200) -> JSONResponse:
        """Run `work` in one transaction and answer with its result.

        A request whose idempotency key was used before is answered as it was then, without running `work`.
        """
        schools = self.principal.scope if self.school_id is None else [self.school_id]
        route = f"{self.route} {self.school_id}"
        request = keyed_request(self.principal, route, self.key, self.field, jsonable_encoder(self.body))
        async with self.ctx.database.transaction(schools=schools) as tx:
            earlier = await find_stored_response(tx, request) if request else None
            if earlier is not None:
                return JSONResponse(earlier.body, earlier.status)
            body = jsonable_encoder(await work(tx))
            if request:
                await store_response(tx, request, status, body)
        return JSONResponse(body, status)
