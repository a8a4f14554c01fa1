"""Client of a running installation's HTTP API. Every failure is either Refused or Unavailable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

PAGE_SIZE = 200
TIMEOUT_SECONDS = 60.0


class Refused(Exception):
    """Response of 4xx. The text is the reason in plain words; `problem` is the body of the response."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        reason = str(problem.get("detail") or problem.get("title") or "no reason given")
        super().__init__(f"{reason.rstrip('.')} ({status})")


class Unavailable(Exception):
    """Response of 5xx, a response that is not JSON, or no response."""


class Api:
    """Sends and receives JSON with one API token."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a resource. Parameters that are None are left out. Raises Refused and Unavailable."""
        query = {name: value for name, value in parameters.items() if value is not None}
        return await self.send("GET", path, params=query)

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Post JSON and return that of the response. Raises Refused and Unavailable.

        `key` is an idempotency key: a repeated request with the same key has no further effect.
        """
        return await self.send("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def list_items(self, path: str, **parameters: Any) -> AsyncIterator[Any]:
        """Yield every item of a paged list. Raises Refused and Unavailable."""
        cursor: str | None = None
        while True:
            page = await self.get(path, **{"limit": PAGE_SIZE, **parameters}, cursor=cursor)
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def upload(
        self, path: str, filename: str, content: bytes, fields: Mapping[str, str] | None = None
    ) -> Any:
        """Post a file with form fields and return the JSON of the response. Raises Refused and Unavailable."""
        form = aiohttp.FormData(dict(fields or {}))
        form.add_field("file", content, filename=filename)
        return await self.send("POST", path, data=form)

    async def send(self, method: str, path: str, **options: Any) -> Any:
        """Send one request and return the JSON of the response, None for an empty body.

        `options` are passed on to aiohttp. Raises Refused and Unavailable.
        """
        try:
            async with self._session.request(method, f"{self.url}{path}", **options) as response:
                content = await response.json(content_type=None) if await response.read() else None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Kinvite does not answer at {self.url} ({type(error).__name__})") from None
        except ValueError:
            raise Unavailable(f"What answers at {self.url} does not speak Kinvite's API") from None
        if response.status >= 500:
            raise Unavailable(f"Kinvite at {self.url} cannot answer now ({response.status})")
        if response.status >= 400:
            raise Refused(response.status, content if isinstance(content, dict) else {})
        return content


@asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Api]:
    """Open a client for the installation at `url` and close it after the block."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Api(session, url.rstrip("/"))


async def poll_until(
    api: Api, path: str, *, states: frozenset[str], interval_seconds: float = 0.25
) -> AsyncIterator[Any]:
    """Yield a resource again and again, for the last time when its `state` is one of `states`."""
    while True:
        resource = await api.get(path)
        yield resource
        if resource["state"] in states:
            return
        await asyncio.sleep(interval_seconds)
