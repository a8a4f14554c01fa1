"""Has this service's copy of a school's roster caught up? Asked of the roster's API, never of its tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from uuid import UUID

import aiohttp

from services.invitations.domain.bulk import Selection
from services.invitations.storage import copies, selection
from shared.runtime.database import Database
from shared.runtime.observability import describe_error, get_logger
from shared.runtime.web import mint_token

CountParents = Callable[[UUID], Awaitable[int | None]]
NO_ANSWER = "The roster did not answer, so the run is about the parents known so far."
LATE = "Some parents had not arrived in time; run it again for them."
log = get_logger("catch_up")


@dataclass(slots=True)
class RosterClient:
    """Asks the roster how many parents a school has. An async context manager."""

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
        """The roster's count, or None where it does not answer. Raises nothing."""
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
            async with self._session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                answer.raise_for_status()
                return int((await answer.json())["parents"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("roster.silent", school_id=str(school_id), **describe_error(error))
            return None


@dataclass(frozen=True, slots=True)
class Gap:
    """How many selected parents may still be on their way; `silent`: the roster did not say."""

    missing: int = 0
    silent: bool = False

    @property
    def note(self) -> str | None:
        """What the run tells about it."""
        return NO_ANSWER if self.silent else (LATE if self.missing else None)


async def gap(database: Database, count_parents: CountParents, school_id: UUID, chosen: Selection) -> Gap:
    """Compare with the roster; holds no transaction while it asks."""
    if not chosen.is_open:
        async with database.transaction(schools=[school_id]) as tx:
            return Gap(await selection.count_unknown(tx, school_id, chosen))
    theirs = await count_parents(school_id)
    if theirs is None:
        return Gap(silent=True)
    async with database.transaction(schools=[school_id]) as tx:
        return Gap(max(0, theirs - await copies.count_parents(tx, school_id)))
