"""Periodic work: retention of the service's own tables, and submissions whose decision is missing."""

from __future__ import annotations

from datetime import timedelta

from services.signup.settings import Settings
from services.signup.use_cases.resend_submissions import resend_submissions
from services.signup.use_cases.retention import delete_expired_rows
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database

RETENTION_SECONDS = 300.0
RESEND_BATCH = 200


def periodic_tasks(database: Database, settings: Settings) -> tuple[PeriodicTask, ...]:
    """Return the periodic tasks of signup."""
    first_pause = timedelta(seconds=settings.resend_after_seconds)

    async def delete_expired() -> bool:
        async with database.transaction() as tx:
            await delete_expired_rows(tx, result_lifetime_minutes=settings.result_lifetime_minutes)
        return False

    async def resend() -> bool:
        async with database.transaction() as tx:
            return await resend_submissions(tx, first_pause, RESEND_BATCH)

    return (
        PeriodicTask("account-retention", RETENTION_SECONDS, delete_expired),
        PeriodicTask("resend_submissions", settings.resend_after_seconds / 4, resend),
    )
