"""Replication of the roster's schools and parents, with the effect of changes on existing invitations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import (
    LIVE,
    Invitation,
    InvitationPolicy,
    Origin,
    Parent,
    ParentReplica,
    SchoolReplica,
    Transition,
)
from services.invitations.domain.rules import Denied, InviteRequest, is_contact_gone
from services.invitations.storage import invitations, pending_requests, replicas
from services.invitations.use_cases.invite import InviteCommand, invite
from services.invitations.use_cases.request_invitations import invite_pending
from services.invitations.use_cases.save_changes import Change, save_changes
from shared.contracts.values import InvitationStatus
from shared.runtime.database import Transaction


async def upsert_schools(tx: Transaction, policy: InvitationPolicy, schools: Sequence[SchoolReplica]) -> None:
    """Save the newest version of each school, and execute the invitation requests that waited for it."""
    newest = {
        replica.school.school_id: replica for replica in sorted(schools, key=lambda replica: replica.version)
    }
    await replicas.save_schools(tx, newest.values())
    await invite_pending(tx, policy, await pending_requests.take(tx, school_ids=newest))


async def upsert_parents(tx: Transaction, policy: InvitationPolicy, parents: Sequence[ParentReplica]) -> None:
    """Save the newest version of each parent, adapt their invitations, and execute waiting invitation requests."""
    newest = {
        replica.parent.parent_id: replica for replica in sorted(parents, key=lambda replica: replica.version)
    }
    changed = await replicas.save_parents(tx, newest.values())
    await _adapt_invitations(tx, policy, {parent_id: newest[parent_id].parent for parent_id in changed})
    await invite_pending(tx, policy, await pending_requests.take(tx, parent_ids=changed))


async def _adapt_invitations(
    tx: Transaction, policy: InvitationPolicy, parents: Mapping[UUID, Parent]
) -> None:
    """Adapt the invitations of changed parents, whose rows are locked, to their access and contacts."""
    present = await invitations.claim_by_parents(tx, parents.keys())
    changes, readdressed = [], []
    for invitation in present.values():
        parent = parents[invitation.parent_id]
        transition = _adapt_access(invitation, parent)
        if transition is not None:
            changes.append(Change(transition, submission_id=invitation.submission_id))
        elif invitation.status in LIVE and is_contact_gone(invitation, parent):
            readdressed.append(invitation)
    await save_changes(tx, changes)
    await _restart(tx, policy, readdressed)


def _adapt_access(invitation: Invitation, parent: Parent) -> Transition | None:
    if parent.removed:
        return transitions.block(invitation, "removed")
    if not parent.has_access:
        return transitions.block(invitation, "no_access")
    if invitation.status is InvitationStatus.BLOCKED:
        return transitions.unblock(invitation)
    return None


async def _restart(tx: Transaction, policy: InvitationPolicy, live: Collection[Invitation]) -> None:
    """Invite parents anew at their new address; revoke the link of those who have none left."""
    commands = [
        InviteCommand(
            invitation.school_id,
            invitation.parent_id,
            InviteRequest(Origin.CONTACT_CHANGE, invitation.channel),
        )
        for invitation in live
    ]
    results = await invite(tx, policy, commands)
    revoked = [invitation for invitation in live if isinstance(results[invitation.parent_id], Denied)]
    await save_changes(
        tx, [Change(transitions.revoke(invitation), detail="contact_removed") for invitation in revoked]
    )
