"""What became of messages: the delivery axis of invitations, and the items of bulk runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.invitations.domain.delivery import Outcome, advance, furthest
from services.invitations.domain.models import Happening, OptOut
from services.invitations.storage import bulk_items, marks, opt_outs
from services.invitations.storage import invitations as rows
from shared.runtime.database import Transaction


async def take(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Move what the outcomes move; those about older messages or unknown invitations change nothing."""
    by_message: dict[UUID, list[Outcome]] = {}
    for outcome in outcomes:
        by_message.setdefault(outcome.message_id, []).append(outcome)
    final = [furthest(about) for about in by_message.values()]
    present = await rows.claim_by_ids(tx, {outcome.invitation_id for outcome in final})
    lines = []
    for outcome in final:
        invitation = present.get(outcome.invitation_id)
        transition = advance(invitation, outcome) if invitation else None
        if transition is not None:
            moved = transition.invitation
            present[moved.invitation_id] = moved
            lines.append(Happening(moved.parent_id, moved.school_id, outcome.delivery.value, outcome.reason))
    changed = {line.parent_id for line in lines}
    await rows.save(tx, [one for one in present.values() if one.parent_id in changed])
    await marks.record(tx, lines)
    await bulk_items.take_outcomes(tx, final)


async def take_opt_outs(tx: Transaction, changes: Sequence[OptOut]) -> None:
    """Addresses that take no more messages on a channel, or take them again."""
    news = await opt_outs.save(tx, changes)
    words = {True: "opted_out", False: "opted_in"}
    lines = [Happening(one.parent_id, one.school_id, words[one.opted_out], one.channel.value) for one in news]
    await marks.record(tx, lines)
