"""New links for parents whose link does not work any more, requested on the link's page."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.invitations.domain.models import InvitationPolicy, Origin
from services.invitations.domain.rules import InviteRequest
from services.invitations.storage import invitations
from services.invitations.use_cases.invite import InviteCommand, invite
from shared.runtime.database import Transaction


async def resend_links(tx: Transaction, policy: InvitationPolicy, invitation_ids: Sequence[UUID]) -> None:
    """Send new links for these invitations to the contacts on file; unknown ids are ignored.

    The cool-down applies unless the invitation has expired. If no message is sent, the timeline states why.
    """
    parents = await invitations.find_parents_of(tx, invitation_ids)
    request = InviteRequest(Origin.PARENT)
    commands = [InviteCommand(school_id, parent_id, request) for school_id, parent_id in parents]
    await invite(tx, policy, commands)
