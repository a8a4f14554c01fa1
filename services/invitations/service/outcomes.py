"""What became of messages: the delivery axis of invitations, and the items of bulk runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.invitations.domain.delivery import Outcome, advance, furthest
from services.invitations.domain.models import Happening, OptOut
from services.invitations.storage import bulk_items, last_messages, marks, opt_outs
from shared.runtime.database import Transaction


async def take(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Move what the outcomes move; those about older messages or unknown invitations change nothing."""
    by_message: dict[UUID, list[Outcome]] = {}
    for outcome in outcomes:
        by_message.setdefault(outcome.message_id, []).append(outcome)
    final = [furthest(about) for about in by_message.values()]
    present = await last_messages.claim(tx, {outcome.invitation_id for outcome in final})
    moved = {}
    for outcome in final:
        current = present.get(outcome.invitation_id)
        after = advance(current, outcome) if current else None
        if after is not None:
            moved[after.invitation_id] = after
    await last_messages.save(tx, moved.values())
    known = [(present[one.invitation_id], one) for one in final if one.invitation_id in present]
    await bulk_items.take_outcomes(tx, known)


async def take_opt_outs(tx: Transaction, changes: Sequence[OptOut]) -> None:
    """Addresses that take no more messages on a channel, or take them again."""
    news = await opt_outs.save(tx, changes)
    words = {True: "opted_out", False: "opted_in"}
    lines = [Happening(one.parent_id, one.school_id, words[one.opted_out], one.channel.value) for one in news]
    await marks.record(tx, lines)
