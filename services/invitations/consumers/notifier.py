"""What became of messages."""

from __future__ import annotations

from collections.abc import Sequence

from services.invitations.domain.delivery import Outcome
from services.invitations.domain.states import Delivery
from services.invitations.service import outcomes
from shared.contracts import notifier
from shared.contracts.envelope import Received
from shared.runtime.database import Transaction

SUPPRESSED_CODES = frozenset({"suppressed", "opted_out"})
DEFERRED_CODES = frozenset({"deferred", "quiet_hours"})


async def on_message_sent(tx: Transaction, batch: Sequence[Received[notifier.MessageSent]]) -> None:
    await outcomes.take(
        tx, [Outcome(one.data.message_id, one.data.invitation_id, Delivery.SENT) for one in batch]
    )


async def on_message_delivered(tx: Transaction, batch: Sequence[Received[notifier.MessageDelivered]]) -> None:
    await outcomes.take(
        tx, [Outcome(one.data.message_id, one.data.invitation_id, Delivery.DELIVERED) for one in batch]
    )


async def on_message_failed(tx: Transaction, batch: Sequence[Received[notifier.MessageFailed]]) -> None:
    await outcomes.take(
        tx,
        [
            Outcome(
                one.data.message_id,
                one.data.invitation_id,
                _failure(one.data),
                one.data.reason,
                one.data.code,
            )
            for one in batch
        ],
    )


async def on_message_outcome_unknown(
    tx: Transaction, batch: Sequence[Received[notifier.MessageOutcomeUnknown]]
) -> None:
    await outcomes.take(
        tx,
        [
            Outcome(one.data.message_id, one.data.invitation_id, Delivery.UNKNOWN, one.data.reason)
            for one in batch
        ],
    )


def _failure(failed: notifier.MessageFailed) -> Delivery:
    if failed.permanent:
        return Delivery.SUPPRESSED if failed.code in SUPPRESSED_CODES else Delivery.FAILED_PERMANENT
    return Delivery.DEFERRED if failed.code in DEFERRED_CODES else Delivery.FAILED_TEMPORARY
