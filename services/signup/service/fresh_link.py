"""The page of a dead link is asked for a fresh one."""

from __future__ import annotations

from services.signup.domain.links import Link, Purpose
from services.signup.service.links import find_link
from services.signup.storage import links
from shared.contracts.signup import FreshLinkRequested
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


async def request_fresh_link(transaction: Transaction, purpose: Purpose, token: str) -> Link | None:
    """Emit `FreshLinkRequested` for a genuine dead link; at most one a minute per invitation.

    The owner decides whether one is sent, and sends it to the contact on file only. Returns the link, None if unknown.
    """
    link = await find_link(transaction, purpose, token)
    if link is None or not link.offers_fresh(link.state(transaction.now)):
        return link
    version = await links.claim_fresh_link(transaction, link.invitation_id, transaction.now)
    if version is not None:
        message = FreshLinkRequested(
            invitation_id=link.invitation_id, generation=link.generation, requested_at=transaction.now
        )
        await emit(transaction, OutboxMessage(message, link.school_id, version))
    return link
