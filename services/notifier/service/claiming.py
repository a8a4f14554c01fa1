"""The begin of an attempt: claim what is due, and write the letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifier.channels.base import Letter
from services.notifier.domain.messages import Change, Claim, Message, settle, spent
from services.notifier.domain.quiet import send_before
from services.notifier.domain.reports import CONFIRMING
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.recording import save
from services.notifier.service.reporting import taken_already
from services.notifier.storage.queue import claim_due, renew_leases
from shared.runtime.core import LinkPurpose, LinkTokenKeys
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

_PAGES: dict[str, tuple[LinkPurpose, str]] = {
    "verify": ("verify", "verify"),
    "verify_reminder": ("verify", "verify"),
    "invite": ("join", "join"),
    "invite_reminder": ("join", "join"),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Derives links when a message is sent; nothing that is stored holds one."""

    public_url: str
    keys: LinkTokenKeys

    def link_of(self, message: Message) -> str:
        """The link of a message, the same on every attempt. Raises KeyError for a key that is gone."""
        purpose, page = _PAGES[message.template]
        token = self.keys.derive(purpose, message.invitation_id, message.generation, message.token_key_id)
        return f"{self.public_url}/{page}/{token}"

    def letter(self, message: Message, now: datetime, ours: Callable[[], bool]) -> Letter:
        """All that the message says, sent `now`; `ours`: see `Letter`."""
        return Letter(
            message_id=message.message_id,
            template=message.template,
            language=message.language,
            address=message.recipient.address,
            name=message.recipient.name,
            school_name=message.school_name,
            link=self.link_of(message),
            expires_at=message.expires_at,
            timezone=message.timezone,
            valid_seconds=(send_before(message, now) - now).total_seconds(),
            ours=ours,
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """What one sender works on. `lease_seconds`: after that a vanished sender's messages go to another one."""

    channel: str
    lane: Lane
    lease_seconds: float
    policy: RetryPolicy


async def claim(tx: Transaction, queue: Queue, *, limit: int, expired_only: bool = False) -> list[Claim]:
    """Claim up to `limit` due messages to send. Those past their time or their last attempt are settled at once."""
    if limit <= 0:
        return []
    claims = await claim_due(
        tx,
        queue.channel,
        queue.lane.value,
        limit=limit,
        lease_seconds=queue.lease_seconds,
        expired_only=expired_only,
    )
    ended = [
        (claimed, await _end(tx, claimed, change, queue))
        for claimed in claims
        if (change := spent(claimed, tx.now, queue.policy))
    ]
    if ended:
        await save(tx, ended, lane=queue.lane)
    over = {claimed.message.message_id for claimed, _ in ended}
    return [claimed for claimed in claims if claimed.message.message_id not in over]


async def _end(tx: Transaction, claimed: Claim, change: Change, queue: Queue) -> Change:
    """Giving up, unless the provider has reported on a copy after all."""
    taken = await taken_already(tx, claimed.message) if queue.channel in CONFIRMING else None
    return change if taken is None else settle(claimed, taken, tx.now, queue.policy, 0.0)


async def renew(tx: Transaction, queue: Queue, claims: Sequence[Claim]) -> set[UUID]:
    """Extend the leases of messages under way; answers those still held. The others went to another sender."""
    return await renew_leases(tx, claims, queue.lease_seconds) if claims else set()
