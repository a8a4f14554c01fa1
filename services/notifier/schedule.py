"""Periodic work: apply delivery reports, announce opt-outs, and poll the provider for missing reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Refused, SendError, StatusChannel, StatusReport
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.status_checks import PendingStatusCheck
from services.notifier.use_cases.delivery_reports import (
    ExplainFailure,
    apply_reports,
    forget_unmatched_reports,
)
from services.notifier.use_cases.opt_outs import announce_opt_outs, forget_old_replies
from services.notifier.use_cases.rate_limit import forget_old_counts
from services.notifier.use_cases.status_polling import claim_status_checks, save_answers
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database
from shared.runtime.observability import get_logger

REPORT_BATCH = 200
RETENTION_SECONDS = 600.0
STATUS_CHECK_BATCH = 20
STATUS_POLL_SECONDS = 30.0
log = get_logger("status_polling")
Answer = tuple[PendingStatusCheck, StatusReport | None]


class ReportApplier:
    """Periodic application of everything that webhooks saved: delivery reports and opt-outs. It applies retention, too.

    `explain_failure` translates the provider's code of a failed copy.
    """

    def __init__(
        self, database: Database, policy: RetryPolicy, explain_failure: ExplainFailure, *, poll_seconds: float
    ) -> None:
        self.periodic_task = PeriodicTask("reports", poll_seconds, self.round)
        self._database = database
        self._policy = policy
        self._explain_failure = explain_failure
        self._retention_at = 0.0

    async def round(self) -> bool:
        """Apply a batch in one transaction; return whether there may be more."""
        async with self._database.transaction() as tx:
            more_reports = await apply_reports(tx, self._policy, self._explain_failure, REPORT_BATCH)
            more_opt_outs = await announce_opt_outs(tx, REPORT_BATCH)
            if time.monotonic() >= self._retention_at:
                await forget_unmatched_reports(tx)
                await forget_old_counts(tx)
                await forget_old_replies(tx)
                self._retention_at = time.monotonic() + RETENTION_SECONDS
        return more_reports or more_opt_outs


class StatusPoller:
    """Periodic status checks of one channel. An async context manager, as it has its own connection to the provider.

    Answers are saved like delivery reports that came by themselves; `on_saved` wakes the task that applies them.
    """

    def __init__(
        self, database: Database, channel_name: str, channel: StatusChannel, on_saved: Callable[[], None]
    ) -> None:
        self.periodic_task = PeriodicTask(f"status_checks.{channel_name}", STATUS_POLL_SECONDS, self.round)
        self._database = database
        self._channel_name = channel_name
        self._channel = channel
        self._on_saved = on_saved

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.__aexit__(kind, error, trace)

    async def round(self) -> bool:
        """Make a batch of status checks, with no transaction open; return whether there may be more."""
        async with self._database.transaction() as tx:
            checks = await claim_status_checks(tx, self._channel_name, STATUS_CHECK_BATCH)
        if not checks:
            return False
        answers = await asyncio.gather(*(self._query(check) for check in checks))
        async with self._database.transaction() as tx:
            await save_answers(tx, [answer for answer in answers if answer is not None])
        self._on_saved()
        return len(checks) == STATUS_CHECK_BATCH

    async def _query(self, check: PendingStatusCheck) -> Answer | None:
        """Return the check with the provider's answer, or None where the provider could not be queried."""
        try:
            return check, await self._channel.fetch_status(check.provider_id)
        except Refused as error:
            log.warning("message.unknown_to_provider", channel=self._channel_name, code=error.code)
            return check, None
        except SendError as error:
            log.warning("status_check.failed", channel=self._channel_name, code=error.code)
            return None
