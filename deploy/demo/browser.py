"""A parent's browser: no script, no memory, follows redirects and refreshes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

_REFRESH = 'http-equiv="refresh"'
_LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Page:
    """What came back."""

    status: int
    url: str
    text: str


class Browser:
    """One for all parents: it keeps nothing between two pages."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def look(self, url: str) -> Page:
        """GET. Raises aiohttp.ClientError and TimeoutError."""
        return await self._send("GET", url)

    async def press(self, url: str, fields: Mapping[str, str] | None = None) -> Page:
        """POST a form and wait while the page says that it will be back in a moment."""
        page = await self._send("POST", url, fields)
        async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
            while _REFRESH in page.text:
                await asyncio.sleep(1)
                page = await self.look(page.url)
        return page

    async def _send(self, method: str, url: str, fields: Mapping[str, str] | None = None) -> Page:
        async with self._session.request(method, url, data=dict(fields or {})) as answer:
            return Page(answer.status, str(answer.url), await answer.text())
