"""A service's app inside the test: its lifespan is running, and a client speaks to it without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from shared.runtime.web import mint_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS

PUBLIC_URL = "http://kinvite.test"
AUTH_SECRET = "a secret of the tests, long enough to be one"
TOKEN_KEYS = f"k2:{'2b' * 32},k1:{'1a' * 32}"

COMMON_ENVIRONMENT = {
    "KINVITE_PUBLIC_URL": PUBLIC_URL,
    "KINVITE_TOKEN_KEYS": TOKEN_KEYS,
    "KINVITE_AUTH_SECRET": AUTH_SECRET,
}


def bearer(*rights: str) -> dict[str, str]:
    """The header of a token for all schools; for all rights where none is named."""
    token = mint_token(AUTH_SECRET, schools=None, rights=frozenset(rights) or ALL_RIGHTS, actor="test")
    return {"Authorization": f"Bearer {token}"}


def suppose_nothing_revoked(app: FastAPI) -> None:
    """Most tests have no bus to hear it from; what revoking does stands in `runtime/test_revocations.py`."""
    if app.state.revocations is not None:
        app.state.revocations._complete.set()


@asynccontextmanager
async def running(app: FastAPI, *, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Everything that the app runs is open while the block is; redirects are not followed."""
    suppose_nothing_revoked(app)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=headers) as client,
    ):
        yield client
