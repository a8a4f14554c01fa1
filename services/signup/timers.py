"""Housekeeping of the pages' own tables, and decisions that do not come."""

from __future__ import annotations

from datetime import timedelta

from services.signup.service.ask_again import ask_again
from services.signup.service.clean_up import clean_up
from services.signup.settings import Settings
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database

CLEAN_UP_SECONDS = 300.0
ASK_AGAIN_BATCH = 200


def timers(database: Database, settings: Settings) -> tuple[PeriodicTask, ...]:
    """The timers of signup."""
    patience = timedelta(seconds=settings.ask_again_seconds)

    async def sweep() -> bool:
        async with database.transaction() as transaction:
            await clean_up(transaction, result_lifetime_minutes=settings.result_lifetime_minutes)
        return False

    async def ask() -> bool:
        async with database.transaction() as transaction:
            return await ask_again(transaction, patience, ASK_AGAIN_BATCH)

    return (
        PeriodicTask("clean_up", CLEAN_UP_SECONDS, sweep),
        PeriodicTask("ask_again", settings.ask_again_seconds / 4, ask),
    )
