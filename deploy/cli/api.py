"""A running installation over its HTTP API. Everything that can go wrong has one of two names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

PAGE = 200
TIMEOUT_SECONDS = 60.0


class Refused(Exception):
    """The installation answered that it will not; the text is its reason in plain words."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        told = str(problem.get("detail") or problem.get("title") or "no reason given")
        super().__init__(f"{told.rstrip('.')} ({status})")


class Unavailable(Exception):
    """Nobody answers there, or only to say that it cannot now."""


class Api:
    """JSON in and out with one token."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **parameters: Any) -> Any:
        """The answer's JSON. `None` parameters are left out. Raises Refused and Unavailable."""
        return await self.send("GET", path, params={k: v for k, v in parameters.items() if v is not None})

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """POST JSON; `key` makes a repetition harmless. Raises Refused and Unavailable."""
        return await self.send("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def items(self, path: str, **parameters: Any) -> AsyncIterator[Any]:
        """Every item of a list, page by page."""
        cursor: str | None = None
        while True:
            page = await self.get(path, **{"limit": PAGE, **parameters}, cursor=cursor)
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def upload(
        self, path: str, filename: str, content: bytes, fields: Mapping[str, str] | None = None
    ) -> Any:
        """POST a file as a form. Raises Refused and Unavailable."""
        form = aiohttp.FormData(dict(fields or {}))
        form.add_field("file", content, filename=filename)
        return await self.send("POST", path, data=form)

    async def send(self, method: str, path: str, **options: Any) -> Any:
        """One request. Raises Refused (4xx) and Unavailable (5xx, or no answer)."""
        try:
            async with self._session.request(method, f"{self.url}{path}", **options) as answer:
                content = await answer.json(content_type=None) if await answer.read() else None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Kinvite does not answer at {self.url} ({type(error).__name__})") from None
        except ValueError:
            raise Unavailable(f"What answers at {self.url} does not speak Kinvite's API") from None
        if answer.status >= 500:
            raise Unavailable(f"Kinvite at {self.url} cannot answer now ({answer.status})")
        if answer.status >= 400:
            raise Refused(answer.status, content if isinstance(content, dict) else {})
        return content


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[Api]:
    """An installation's API, for the block."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Api(session, url.rstrip("/"))


async def followed(
    api: Api, path: str, *, until: frozenset[str], every_seconds: float = 0.25
) -> AsyncIterator[Any]:
    """What the resource says again and again, the last time in one of the states of `until`."""
    while True:
        shown = await api.get(path)
        yield shown
        if shown["state"] in until:
            return
        await asyncio.sleep(every_seconds)
