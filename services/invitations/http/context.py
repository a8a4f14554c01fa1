"""Context of the routes: what they need of the composition root, and waiting for data that has not arrived yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast
from uuid import UUID

from fastapi import Depends, Request

from services.invitations import views
from services.invitations.clients.roster import CountParents
from services.invitations.domain.models import InvitationPolicy
from services.invitations.settings import Settings
from shared.runtime.database import Database, FirstStatement, Transaction
from shared.runtime.web import school_not_found

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """Context of the routes, created by the composition root as `app.state.context`."""

    database: Database
    policy: InvitationPolicy
    settings: Settings
    count_parents: CountParents

    async def poll(
        self,
        school_id: UUID,
        first: FirstStatement[R],
        attempt: Callable[[Transaction, R], Awaitable[T | None]],
    ) -> T | None:
        """Repeat `attempt` with what `first` reads, until it returns a result or `await_parent_seconds` have passed.

        Every attempt has a transaction of its own, and none is open in between. What an attempt writes is committed
        with its result.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.await_parent_seconds
        while True:
            async with self.database.transaction(schools=[school_id], first=first) as (tx, value):
                result = await attempt(tx, value)
            if result is not None or loop.time() >= deadline:
                return result
            await asyncio.sleep(self.settings.await_poll_milliseconds / 1000)

    async def check_school(self, school_id: UUID) -> UUID:
        """Return the id once the school has arrived in this service. Raises Problem 404 if it does not in time."""

        async def attempt(_: Transaction, present: UUID | None) -> UUID | None:
            return present

        if await self.poll(school_id, views.find_school(school_id), attempt) is None:
            raise school_not_found()
        return school_id


async def get_context(request: Request) -> Context:
    # A coroutine, because FastAPI runs other dependencies in a thread.
    return cast("Context", request.app.state.context)


AppContext = Annotated[Context, Depends(get_context)]


async def get_known_school(school_id: UUID, context: AppContext) -> UUID:
    return await context.check_school(school_id)


KnownSchool = Annotated[UUID, Depends(get_known_school)]
