"""Who takes no more messages: kept at once, asked before every attempt, told."""

from __future__ import annotations

from services.notifier.channels.twilio_codes import OPTED_OUT
from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.domain.numbers import spellings
from services.notifier.storage import inbound, suppressions
from services.notifier.storage.suppressions import Known, Suppression
from shared.contracts.notifier import RecipientOptedIn, RecipientOptedOut
from shared.contracts.values import address_digest
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit

REASON = "The recipient has answered STOP and takes no more messages."


async def is_news(tx: Transaction, reply_id: str) -> bool:
    """Was this reply not heard before? It counts as heard from the commit on."""
    return await inbound.note(tx, reply_id)


async def forget_replies(tx: Transaction) -> None:
    """Forget which replies were heard long ago."""
    await inbound.forget_old(tx)


async def stop(tx: Transaction, channel: str, address: str) -> None:
    """The owner of a number said STOP on a channel; it holds however the number is spelled there."""
    for spelling in spellings(channel, address):
        await suppressions.stop(tx, channel, spelling)


async def start(tx: Transaction, channel: str, address: str) -> None:
    """The owner of a number said START on a channel; it holds as STOP does."""
    for spelling in spellings(channel, address):
        await suppressions.lift(tx, channel, spelling)


async def stopped(tx: Transaction, message: Message) -> Result | None:
    """How an attempt ends whose recipient said STOP; None where they did not."""
    if await suppressions.is_stopped(tx, message.channel, message.recipient.address):
        return Result(Verdict.REFUSED, OPTED_OUT, REASON)
    return None


async def announce(tx: Transaction, limit: int) -> bool:
    """Tell up to `limit` changes to everyone we know at these numbers; True when there may be more."""
    changed = await suppressions.claim_unannounced(tx, limit)
    for suppression in changed:
        facts = [_fact(suppression, known) for known in await suppressions.recipients(tx, suppression)]
        await emit(tx, *facts)
        await suppressions.mark_announced(tx, suppression)
    return len(changed) == limit


def _fact(suppression: Suppression, known: Known) -> OutboxMessage:
    """The version is the moment of the word, so that what is told again is the same fact."""
    about = {
        "parent_id": known.parent_id,
        "channel": suppression.channel,
        "address_digest": address_digest(suppression.address),
    }
    data: RecipientOptedOut | RecipientOptedIn
    moment = suppression.lifted_at or suppression.since
    if suppression.lifted_at is None:
        data = RecipientOptedOut.model_validate({**about, "opted_out_at": moment})
    else:
        data = RecipientOptedIn.model_validate({**about, "opted_in_at": moment})
    microseconds = int(moment.timestamp() * 1_000_000)
    return OutboxMessage(data, school_id=known.school_id, version=microseconds)
