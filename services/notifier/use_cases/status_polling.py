"""Status polling: query the provider about messages for which no delivery report came."""

from __future__ import annotations

from collections.abc import Sequence

from services.notifier.channels.base import StatusReport
from services.notifier.domain.messages import STATUS_CHECK_AFTER_SECONDS, STATUS_CHECK_AGAIN_SECONDS
from services.notifier.domain.reports import ProviderStatus
from services.notifier.storage import status_checks
from services.notifier.storage.reports import save_report
from services.notifier.storage.status_checks import PendingStatusCheck
from shared.runtime.database import Transaction


async def claim_status_checks(tx: Transaction, channel: str, limit: int) -> list[PendingStatusCheck]:
    """Claim up to `limit` due status checks of a channel."""
    return await status_checks.claim_status_checks(
        tx, channel, STATUS_CHECK_AFTER_SECONDS, STATUS_CHECK_AGAIN_SECONDS, limit
    )


async def save_answers(
    tx: Transaction, answers: Sequence[tuple[PendingStatusCheck, StatusReport | None]]
) -> None:
    """Save the provider's answers to status checks, as delivery reports that came by themselves are saved.

    An answer of None states that the provider knows nothing of the message. After the last check, None and "accepted"
    end the waiting: no report is expected any more.
    """
    for check, answer in answers:
        if check.is_last and (answer is None or answer.status is ProviderStatus.ACCEPTED):
            await save_report(tx, check.provider_id, check.message_id, ProviderStatus.SILENT, None)
        elif answer is not None:
            await save_report(tx, answer.provider_id, check.message_id, answer.status, answer.code)
