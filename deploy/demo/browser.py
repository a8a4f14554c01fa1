"""Browser of a simulated parent: no scripts and no cookies; it follows redirects and meta refreshes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

_REFRESH = 'http-equiv="refresh"'
_REFRESH_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Page:
    """Response with the URL after redirects."""

    status: int
    url: str
    text: str


class Browser:
    """Stateless browser, which all parents share."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, url: str) -> Page:
        """Get a page. Raises aiohttp.ClientError and TimeoutError."""
        return await self._send("GET", url)

    async def submit(self, url: str, fields: Mapping[str, str] | None = None) -> Page:
        """Post a form and reload the resulting page while it asks for a refresh.

        Raises aiohttp.ClientError and TimeoutError.
        """
        page = await self._send("POST", url, fields)
        async with asyncio.timeout(_REFRESH_TIMEOUT_SECONDS):
            while _REFRESH in page.text:
                await asyncio.sleep(1)
                page = await self.open(page.url)
        return page

    async def _send(self, method: str, url: str, fields: Mapping[str, str] | None = None) -> Page:
        async with self._session.request(method, url, data=dict(fields or {})) as response:
            return Page(response.status, str(response.url), await response.text())
