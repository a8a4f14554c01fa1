"""Invitation of parents, one or hundreds, with the same few statements for any number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.invitations.domain.models import (
    Invitation,
    InvitationPolicy,
    Origin,
    TimelineEntry,
)
from services.invitations.domain.rules import (
    NOT_KNOWN_YET,
    Denied,
    Invitee,
    InviteRequest,
    QuietPeriod,
    decide,
    resolve_channel,
)
from services.invitations.domain.transitions import Target, start_generation
from services.invitations.storage import invitation_updates, invitations
from services.invitations.use_cases.save_changes import Addressee, Change, save_changes
from shared.runtime.database import FirstStatement, Transaction
from shared.runtime.messaging import Lane

_ANSWERED = frozenset({Origin.STAFF, Origin.BULK})
"""Origins that receive the denial as an answer; for the others it is recorded in the timeline."""


@dataclass(frozen=True, slots=True)
class InviteCommand:
    """Command to invite one parent of a school."""

    school_id: UUID
    parent_id: UUID
    request: InviteRequest
    actor: str | None = None


async def invite(
    tx: Transaction, policy: InvitationPolicy, commands: Sequence[InviteCommand], lane: Lane = Lane.SINGLE
) -> dict[UUID, Invitation | Denied]:
    """Invite these parents, with one command each, and return the invitation or the denial of each.

    Locks the parents first, then their invitations.
    """
    if not commands:
        return {}
    invitees = await invitations.claim_invitees(tx, [command.parent_id for command in commands])
    return await _execute(tx, policy, commands, invitees, lane)


def claim_invitee(command: InviteCommand) -> FirstStatement[Invitee | None]:
    """Return the first statement of a transaction that locks the parent of the command, for `invite_one`."""
    return invitations.claim_invitee(command.parent_id)


async def invite_one(
    tx: Transaction, policy: InvitationPolicy, command: InviteCommand, invitee: Invitee | None
) -> Invitation | Denied:
    """Invite a single parent, whom `claim_invitee` has locked; `invitee` is None if they have not arrived."""
    invitees = {} if invitee is None else {command.parent_id: invitee}
    results = await _execute(tx, policy, [command], invitees, Lane.SINGLE)
    return results[command.parent_id]


async def _execute(
    tx: Transaction,
    policy: InvitationPolicy,
    commands: Sequence[InviteCommand],
    invitees: Mapping[UUID, Invitee],
    lane: Lane,
) -> dict[UUID, Invitation | Denied]:
    results: dict[UUID, Invitation | Denied] = {}
    changes = []
    for command in commands:
        invitee = invitees.get(command.parent_id)
        if invitee is None or invitee.parent.school_id != command.school_id:
            results[command.parent_id] = NOT_KNOWN_YET
            continue
        result = plan_invitation(policy, invitee, command, tx.now)
        if isinstance(result, Change):
            changes.append(result)
        results[command.parent_id] = result.invitation if isinstance(result, Change) else result
    await save_changes(tx, changes, lane)
    await _record_denials(tx, commands, results)
    return results


def plan_invitation(
    policy: InvitationPolicy, invitee: Invitee, command: InviteCommand, now: datetime
) -> Change | Denied:
    """Return the change that invites the parent, or the denial. The detail of the change states the origin."""
    request = resolve_channel(invitee, command.request, policy.channels)
    decision = decide(invitee, request, policy.limits, now)
    if isinstance(decision, Denied):
        return decision
    quiet = QuietPeriod(invitee.school, policy.limits.quiet)
    target = Target(
        invitation_id=policy.new_id(),
        parent_id=invitee.parent.parent_id,
        school=invitee.school,
        contact=decision.contact,
        channel=request.channel,
        verified=decision.verified,
        origin=request.origin,
        send_at=quiet.send_at(request.channel, request.origin, now),
    )
    hours = None if request.origin is Origin.PARENT else quiet.hours_for(request.channel)
    return Change(
        start_generation(invitee.invitation, target, policy.transition_inputs(now)),
        to=Addressee(invitee.parent, decision.contact, invitee.school, hours),
        actor=command.actor,
        detail=_detail(invitee, command.request, now - policy.limits.cool_down),
    )


def _detail(invitee: Invitee, request: InviteRequest, cooled_down_at: datetime) -> str:
    """Return the detail of the timeline entry: the origin, and for staff why they exceeded a limit."""
    origin = request.origin
    if request.override_reason:
        return f"{origin.value}: {request.override_reason}"
    present = invitee.invitation
    is_early = origin is Origin.STAFF and present is not None and present.last_message_at > cooled_down_at
    return f"{origin.value}: within_cool_down" if is_early else origin.value


async def _record_denials(
    tx: Transaction, commands: Sequence[InviteCommand], results: Mapping[UUID, Invitation | Denied]
) -> None:
    entries = []
    for command in commands:
        result, origin = results[command.parent_id], command.request.origin
        if isinstance(result, Denied) and origin not in _ANSWERED:
            detail = f"{origin.value}: {result.reason.value}"
            entries.append(
                TimelineEntry(command.parent_id, command.school_id, "not_invited", detail, command.actor)
            )
    await invitation_updates.record(tx, entries)
