"""What the routes need of the composition root, and how long they wait for what is on its way here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast
from uuid import UUID

from fastapi import Depends, Request

from services.invitations import views
from services.invitations.service.catch_up import CountParents
from services.invitations.service.desk import Desk
from services.invitations.settings import Settings
from shared.runtime.database import Database, FirstStatement, Transaction
from shared.runtime.web import school_not_found

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """Made by the composition root."""

    database: Database
    desk: Desk
    settings: Settings
    count_parents: CountParents

    async def await_answer(
        self,
        seconds: float,
        ask: Callable[[Transaction], Awaitable[T | None]],
        school_id: UUID,
        opening: FirstStatement | None = None,
    ) -> T | None:
        """Ask again and again until there is an answer or the time is over, each time in a transaction of its own.

        None of them is held while it waits. An answer may be work that is done: it is committed with it.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            async with self.database.transaction(schools=[school_id], first=opening) as tx:
                answer = await ask(tx)
            if answer is not None or asyncio.get_running_loop().time() >= deadline:
                return answer
            await asyncio.sleep(self.settings.await_poll_milliseconds / 1000)

    async def known_school(self, school_id: UUID) -> UUID:
        """The id, once the school has arrived here. Raises Problem 404 where it does not."""
        seconds = self.settings.await_parent_seconds

        async def ask(tx: Transaction) -> UUID | None:
            return school_id if await views.school_is_known(tx, school_id) else None

        if await self.await_answer(seconds, ask, school_id) is None:
            raise school_not_found()
        return school_id


async def _office(request: Request) -> Office:
    # async, else FastAPI asks a thread and waits for it
    return cast("Office", request.app.state.office)


AtOffice = Annotated[Office, Depends(_office)]


async def _known_school(school_id: UUID, office: AtOffice) -> UUID:
    return await office.known_school(school_id)


KnownSchool = Annotated[UUID, Depends(_known_school)]
