"""Facts of signup: the family has signed up."""

from collections.abc import Sequence

from services.dashboard.service import translate
from services.dashboard.service.project import keep_families
from shared.contracts.envelope import Received
from shared.contracts.signup import (
    SignedUp,
)
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription


async def on_signed_up(tx: Transaction, batch: Sequence[Received[SignedUp]]) -> None:
    await keep_families(tx, [translate.signed_up(received) for received in batch])


SUBSCRIPTION = Subscription(
    group="dashboard.on-signup",
    handlers={
        SignedUp: on_signed_up,
    },
)
