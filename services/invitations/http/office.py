"""What the routes need of the composition root, and how long they wait for what is on its way here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request

from services.invitations import views
from services.invitations.service.catch_up import CountParents
from services.invitations.service.desk import Desk
from services.invitations.settings import Settings
from shared.runtime.auth import school_not_found
from shared.runtime.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Office:
    """Made by the composition root."""

    database: Database
    desk: Desk
    settings: Settings
    count_parents: CountParents

    async def await_true(
        self, seconds: float, ask: Callable[[Transaction], Awaitable[bool]], school_id: UUID
    ) -> bool:
        """Ask the database again and again until it says yes or the time is over; no transaction is held."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            async with self.database.transaction(schools=[school_id]) as tx:
                if await ask(tx):
                    return True
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(self.settings.await_poll_milliseconds / 1000)

    async def known_school(self, school_id: UUID) -> UUID:
        """The id, once the school has arrived here. Raises Problem 404 where it does not."""
        seconds = self.settings.await_parent_seconds
        if await self.await_true(seconds, lambda tx: views.school_is_known(tx, school_id), school_id):
            return school_id
        raise school_not_found()


def _office(request: Request) -> Office:
    return cast("Office", request.app.state.office)


AtOffice = Annotated[Office, Depends(_office)]


async def _known_school(school_id: UUID, office: AtOffice) -> UUID:
    return await office.known_school(school_id)


KnownSchool = Annotated[UUID, Depends(_known_school)]
