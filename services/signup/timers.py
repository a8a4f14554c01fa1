"""Housekeeping of the pages' own tables."""

from __future__ import annotations

from services.signup.service.clean_up import clean_up
from services.signup.settings import Settings
from shared.runtime.database import Database
from shared.runtime.timers import Timer

CLEAN_UP_SECONDS = 300.0


def timers(database: Database, settings: Settings) -> tuple[Timer, ...]:
    """The one timer of signup."""

    async def sweep() -> bool:
        async with database.transaction() as transaction:
            await clean_up(transaction, result_lifetime_minutes=settings.result_lifetime_minutes)
        return False

    return (Timer("clean_up", CLEAN_UP_SECONDS, sweep),)
