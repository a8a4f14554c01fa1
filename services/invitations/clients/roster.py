"""HTTP client of the roster service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from uuid import UUID

import aiohttp

from shared.runtime.observability import describe_error, get_logger
from shared.runtime.web import mint_token

CountParents = Callable[[UUID], Awaitable[int | None]]
"""Function that returns the roster's number of parents of a school, or None if the roster does not answer."""
log = get_logger("roster_client")


@dataclass(slots=True)
class RosterClient:
    """Client of the roster's HTTP API. An async context manager that holds one session."""

    base_url: str
    auth_secret: str = field(repr=False)
    timeout_seconds: float = 3
    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=self.timeout_seconds)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def count_parents(self, school_id: UUID) -> int | None:
        """Return the roster's number of parents, or None if it does not answer. Raises nothing."""
        if self._session is None:
            return None
        token = mint_token(
            self.auth_secret,
            schools=frozenset({school_id}),
            rights=frozenset({"roster:read"}),
            actor="service:invitations",
            kind="service",
            lifetime_seconds=60,
        )
        url = f"{self.base_url}/roster/v1/schools/{school_id}/summary"
        try:
            async with self._session.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
                response.raise_for_status()
                return int((await response.json())["parents"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("roster.unavailable", school_id=str(school_id), **describe_error(error))
            return None
