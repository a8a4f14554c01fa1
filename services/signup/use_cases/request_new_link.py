"""Request a new link in place of a dead one."""

from __future__ import annotations

from services.signup.domain.links import Link
from services.signup.storage import invitations
from shared.contracts.signup import FreshLinkRequested
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


async def request_new_link(tx: Transaction, link: Link) -> None:
    """Emit `FreshLinkRequested` for a dead link that can be renewed, at most once a minute per invitation.

    The invitations service decides on the request, and sends a new link only to the contact that is on file.
    """
    current = await invitations.find_link(tx, link.purpose, link.token_digest)
    if current is None or not current.can_be_renewed(current.state(tx.now)):
        return
    version = await invitations.claim_new_link_request(tx, current.invitation_id)
    if version is None:
        return
    request = FreshLinkRequested(
        invitation_id=current.invitation_id, generation=current.generation, requested_at=tx.now
    )
    await emit(tx, OutboxMessage(request, current.school_id, version))
