"""STOP and START of recipients, on the family's row and in its timeline."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from services.dashboard.domain.reach import OptOut
from services.dashboard.domain.timeline import Entry
from services.dashboard.storage import changes, opt_outs, projection
from shared.contracts.envelope import Received
from shared.contracts.notifier import RecipientOptedIn, RecipientOptedOut
from shared.runtime.database import Transaction

Change: TypeAlias = RecipientOptedOut | RecipientOptedIn
C = TypeVar("C", bound=Change)


async def keep_opt_outs(tx: Transaction, batch: Sequence[Received[C]]) -> None:
    """The last word of each address; what is told again has the same version, and adds no second line."""
    await opt_outs.save(tx, [_change(received) for received in batch])
    lines = []
    for received in batch:
        fact, at = received.data, _moment(received.data)
        kind = "recipient_opted_out" if isinstance(fact, RecipientOptedOut) else "recipient_opted_in"
        entry = Entry(kind, at, fact.channel)
        lines.append((received.school_id, fact.parent_id, received.aggregate_id, received.version, entry))
    await projection.add_timeline(tx, lines)
    await changes.tell_parents(tx, [(received.school_id, received.data.parent_id) for received in batch])


def _change(received: Received[C]) -> OptOut:
    fact = received.data
    return OptOut(
        school_id=received.school_id,
        parent_id=fact.parent_id,
        channel=fact.channel,
        address_digest=fact.address_digest,
        version=received.version,
        opted_out=isinstance(fact, RecipientOptedOut),
    )


def _moment(fact: Change) -> datetime:
    return fact.opted_out_at if isinstance(fact, RecipientOptedOut) else fact.opted_in_at
