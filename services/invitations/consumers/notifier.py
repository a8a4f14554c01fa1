"""What became of messages."""

from __future__ import annotations

from collections.abc import Sequence

from services.invitations.domain.delivery import Outcome
from services.invitations.domain.models import OptOut
from services.invitations.domain.states import Channel, Delivery
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


async def on_recipient_opted_out(
    tx: Transaction, batch: Sequence[Received[notifier.RecipientOptedOut]]
) -> None:
    await outcomes.take_opt_outs(tx, [_opt_out(one, opted_out=True) for one in batch])


async def on_recipient_opted_in(
    tx: Transaction, batch: Sequence[Received[notifier.RecipientOptedIn]]
) -> None:
    await outcomes.take_opt_outs(tx, [_opt_out(one, opted_out=False) for one in batch])


def _opt_out(
    one: Received[notifier.RecipientOptedOut] | Received[notifier.RecipientOptedIn], *, opted_out: bool
) -> OptOut:
    return OptOut(
        parent_id=one.data.parent_id,
        school_id=one.school_id,
        channel=Channel(one.data.channel),
        address_digest=one.data.address_digest,
        version=one.version,
        opted_out=opted_out,
    )


def _failure(failed: notifier.MessageFailed) -> Delivery:
    if failed.permanent:
        return Delivery.SUPPRESSED if failed.code in SUPPRESSED_CODES else Delivery.FAILED_PERMANENT
    return Delivery.DEFERRED if failed.code in DEFERRED_CODES else Delivery.FAILED_TEMPORARY
