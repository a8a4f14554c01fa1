"""Opt-outs: stored when a recipient answers STOP, checked before every attempt, and announced as events."""

from __future__ import annotations

from services.notifier.domain.messages import OPTED_OUT, Message, Result, Verdict
from services.notifier.domain.phone_numbers import list_spellings
from services.notifier.storage import inbound, suppressions
from services.notifier.storage.suppressions import KnownRecipient, Suppression
from shared.contracts.notifier import RecipientOptedIn, RecipientOptedOut
from shared.contracts.values import address_digest
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit

REASON = "The recipient has answered STOP and takes no more messages."


async def opt_out(tx: Transaction, reply_id: str, channel: str, address: str) -> None:
    """Stop all messages to a number on a channel, in every spelling; ignore a reply that was processed before."""
    if await inbound.insert_reply(tx, reply_id):
        for spelling in list_spellings(channel, address):
            await suppressions.suppress(tx, channel, spelling)


async def opt_in(tx: Transaction, reply_id: str, channel: str, address: str) -> None:
    """Allow messages to a number on a channel again, in every spelling; ignore a reply that was processed before."""
    if await inbound.insert_reply(tx, reply_id):
        for spelling in list_spellings(channel, address):
            await suppressions.lift(tx, channel, spelling)


async def refuse_opted_out(tx: Transaction, message: Message) -> Result | None:
    """Return the refusal of a message whose recipient has opted out, or None where they have not."""
    if await suppressions.is_suppressed(tx, message.channel, message.recipient.address):
        return Result(Verdict.REFUSED, OPTED_OUT, REASON)
    return None


async def announce_opt_outs(tx: Transaction, limit: int) -> bool:
    """Emit events for up to `limit` changed suppressions, one per known recipient; return whether there may be more."""
    changed = await suppressions.claim_unannounced(tx, limit)
    for suppression in changed:
        recipients = await suppressions.list_recipients(tx, suppression)
        await emit(tx, *(_event(suppression, recipient) for recipient in recipients))
        await suppressions.mark_announced(tx, suppression)
    return len(changed) == limit


async def forget_old_replies(tx: Transaction) -> None:
    """Delete the ids of replies that were processed long ago."""
    await inbound.delete_old_replies(tx)


def _event(suppression: Suppression, recipient: KnownRecipient) -> OutboxMessage:
    """Build the event; its version is the moment of the change, so that a repetition is the same event."""
    about = {
        "parent_id": recipient.parent_id,
        "channel": suppression.channel,
        "address_digest": address_digest(suppression.address),
    }
    data: RecipientOptedOut | RecipientOptedIn
    changed_at = suppression.lifted_at or suppression.since
    if suppression.lifted_at is None:
        data = RecipientOptedOut.model_validate({**about, "opted_out_at": changed_at})
    else:
        data = RecipientOptedIn.model_validate({**about, "opted_in_at": changed_at})
    microseconds = int(changed_at.timestamp() * 1_000_000)
    return OutboxMessage(data, school_id=recipient.school_id, version=microseconds)
