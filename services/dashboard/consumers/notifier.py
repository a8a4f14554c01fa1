"""Facts of notifier: each moves the delivery of a family's row."""

from collections.abc import Sequence

from services.dashboard.domain.status import Delivery
from services.dashboard.service import translate
from services.dashboard.service.opt_outs import keep_opt_outs
from services.dashboard.service.project import keep_families
from shared.contracts.envelope import Received
from shared.contracts.notifier import (
    MessageDelivered,
    MessageFailed,
    MessageOutcomeUnknown,
    MessageSent,
    RecipientOptedIn,
    RecipientOptedOut,
)
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription


async def on_message_sent(tx: Transaction, batch: Sequence[Received[MessageSent]]) -> None:
    await keep_families(tx, [translate.outcome(received, Delivery.SENT) for received in batch])


async def on_message_delivered(tx: Transaction, batch: Sequence[Received[MessageDelivered]]) -> None:
    await keep_families(tx, [translate.outcome(received, Delivery.DELIVERED) for received in batch])


async def on_message_failed(tx: Transaction, batch: Sequence[Received[MessageFailed]]) -> None:
    await keep_families(tx, [translate.failed(received) for received in batch])


async def on_message_outcome_unknown(
    tx: Transaction, batch: Sequence[Received[MessageOutcomeUnknown]]
) -> None:
    await keep_families(tx, [translate.outcome(received, Delivery.UNKNOWN) for received in batch])


async def on_recipient_opted_out(tx: Transaction, batch: Sequence[Received[RecipientOptedOut]]) -> None:
    await keep_opt_outs(tx, batch)


async def on_recipient_opted_in(tx: Transaction, batch: Sequence[Received[RecipientOptedIn]]) -> None:
    await keep_opt_outs(tx, batch)


SUBSCRIPTION = Subscription(
    group="dashboard.on-notifier",
    handlers={
        MessageSent: on_message_sent,
        MessageDelivered: on_message_delivered,
        MessageFailed: on_message_failed,
        MessageOutcomeUnknown: on_message_outcome_unknown,
        RecipientOptedOut: on_recipient_opted_out,
        RecipientOptedIn: on_recipient_opted_in,
    },
)
