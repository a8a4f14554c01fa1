"""Representations of invitations and bulk runs in the API. They never contain a token, its digest, or an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.invitations.domain.bulk import BulkProgress, BulkRun, add_not_known_yet
from services.invitations.domain.explanations import (
    action,
    explain_invitation,
    explain_not_invited,
    offered_action,
    public_status,
)
from services.invitations.domain.models import Invitation
from services.invitations.storage import bulk_runs
from services.invitations.storage.invitations import COLUMNS, invitation_from
from shared.contracts.values import InvitationStatus
from shared.runtime.database import FirstStatement, Transaction

_FIND_SCHOOL = """
SELECT now() AS now, school_id FROM (VALUES (0)) AS always (present) LEFT JOIN schools ON school_id = :school_id
"""
_PARENT = text(
    """
    SELECT contacts <> '[]' AS reachable FROM parents
     WHERE school_id = :school_id AND parent_id = :parent_id AND NOT removed
    """
)
_EXPLAINED = f"""
{COLUMNS},
       (SELECT timezone FROM schools WHERE school_id = :school_id) AS timezone,
       EXISTS (
           SELECT FROM opt_outs AS o
            WHERE o.parent_id = invitations.parent_id AND o.channel = invitations.channel
              AND o.address_digest = invitations.address_digest AND o.opted_out
       ) AS opted_out
"""
_ONE = text(f"SELECT {_EXPLAINED} FROM invitations WHERE school_id = :school_id AND parent_id = :parent_id")
_TIMEZONE = text("SELECT timezone FROM schools WHERE school_id = :school_id")
_TIMELINE = text(
    """
    SELECT happened_at, event, detail, actor FROM invitation_events
     WHERE school_id = :school_id AND parent_id = :parent_id ORDER BY event_id
    """
)
_LIST = f"""
SELECT {_EXPLAINED} FROM invitations
 WHERE school_id = :school_id AND invitation_id > :after
   AND (CAST(:status AS text) IS NULL OR status = :status)
   AND (CAST(:delivery AS text) IS NULL OR delivery = :delivery)
 ORDER BY invitation_id LIMIT :limit
"""
_RUNS = text(
    """
    SELECT bulk_id FROM bulk_runs WHERE school_id = :school_id AND bulk_id < :before
     ORDER BY bulk_id DESC LIMIT :limit
    """
)
_COUNTS = text(
    """
    SELECT state, reason, count(*) AS parents,
           count(*) FILTER (WHERE state = 'messaged' AND NOT has_outcome) AS waiting
      FROM bulk_items WHERE bulk_id = :bulk_id GROUP BY state, reason ORDER BY state, reason
    """
)


def find_school(school_id: UUID) -> FirstStatement[UUID | None]:
    """Return the first statement of a transaction that reads the school's id, or None if it has not arrived here."""
    return FirstStatement(_FIND_SCHOOL, {"school_id": school_id}, lambda result: result.all()[0].school_id)


async def find_invitation(tx: Transaction, school_id: UUID, parent_id: UUID) -> dict[str, Any] | None:
    """Return a parent's invitation with its timeline, `not_invited` for a parent without one, None for no parent."""
    key = {"school_id": school_id, "parent_id": parent_id}
    row = await tx.row(_ONE, key)
    if row is not None:
        rendered = _render_row(row)
    elif (parent := await tx.row(_PARENT, key)) is not None:
        rendered = _render_not_invited(school_id, parent_id, reachable=parent.reachable)
    else:
        return None
    entries = await tx.rows(_TIMELINE, key)
    return {**rendered, "timeline": [_render_entry(entry) for entry in entries]}


async def list_invitations(
    tx: Transaction, school_id: UUID, *, after: UUID, limit: int, status: str | None, delivery: str | None
) -> tuple[list[dict[str, Any]], UUID | None]:
    """Return the school's invitations after a cursor, oldest first, and the cursor of the next page or None."""
    rows = await tx.rows(
        _LIST,
        {
            "school_id": school_id,
            "after": after,
            "limit": limit + 1,
            "status": status,
            "delivery": delivery,
        },
    )
    following = rows[limit - 1].invitation_id if len(rows) > limit else None
    return [_render_row(row) for row in rows[:limit]], following


async def find_timezone(tx: Transaction, school_id: UUID) -> str:
    """Return the IANA time zone of a school; UTC for one that has not arrived here."""
    row = await tx.row(_TIMEZONE, {"school_id": school_id})
    return "UTC" if row is None else str(row.timezone)


async def list_bulk_run_ids(tx: Transaction, school_id: UUID, before: UUID, limit: int) -> Sequence[UUID]:
    """Return the ids of the school's bulk runs before a cursor, newest first."""
    rows = await tx.rows(_RUNS, {"school_id": school_id, "before": before, "limit": limit})
    return [row.bulk_id for row in rows]


async def find_bulk_run(tx: Transaction, school_id: UUID, bulk_id: UUID) -> dict[str, Any] | None:
    """Return a bulk run with its counts, or None."""
    run = await bulk_runs.find(tx, school_id, bulk_id)
    return None if run is None else {**_render_run(run), **render_progress(await _progress(tx, run))}


async def _progress(tx: Transaction, run: BulkRun) -> BulkProgress:
    counts: dict[str, dict[str, int]] = {"pending": {}, "messaged": {}, "skipped": {}, "failed": {}}
    waiting = 0
    for row in await tx.rows(_COUNTS, {"bulk_id": run.bulk_id}):
        counts[row.state][row.reason or ""] = row.parents
        waiting += row.waiting
    return BulkProgress(
        pending=sum(counts["pending"].values()),
        messaged=sum(counts["messaged"].values()),
        waiting=waiting,
        skipped=add_not_known_yet(counts["skipped"], run.not_known_yet),
        failed=counts["failed"],
    )


def _render_row(row: Row[Any]) -> dict[str, Any]:
    return render(invitation_from(row[:-2]), row.timezone, opted_out=row.opted_out)


def render(invitation: Invitation, timezone: str, *, opted_out: bool = False) -> dict[str, Any]:
    """Return an invitation as JSON; `timezone` and `opted_out`: see `explain_invitation`."""
    explanation = explain_invitation(invitation, timezone, opted_out=opted_out)
    return {
        "invitation_id": str(invitation.invitation_id),
        "school_id": str(invitation.school_id),
        "parent_id": str(invitation.parent_id),
        "status": public_status(invitation).value,
        "action": offered_action(invitation),
        "delivery": invitation.delivery.value,
        "reason": explanation.reason,
        "next_step": explanation.next_step,
        "generation": invitation.generation,
        "channel": invitation.channel.value,
        "contact_id": str(invitation.contact_id),
        "message_id": str(invitation.message_id),
        "first_invited_at": invitation.first_invited_at.isoformat(),
        "last_invited_at": invitation.last_invited_at.isoformat(),
        "expires_at": invitation.expires_at.isoformat(),
        "send_at": _moment(invitation.send_at),
        "next_reminder_at": _moment(invitation.next_reminder_at),
        "signed_up_at": _moment(invitation.signed_up_at),
    }


def _render_not_invited(school_id: UUID, parent_id: UUID, *, reachable: bool) -> dict[str, Any]:
    explanation = explain_not_invited(reachable=reachable)
    return {
        "invitation_id": None,
        "school_id": str(school_id),
        "parent_id": str(parent_id),
        "status": InvitationStatus.NOT_INVITED.value,
        "action": action(InvitationStatus.NOT_INVITED),
        "delivery": None,
        "reason": explanation.reason,
        "next_step": explanation.next_step,
        "last_invited_at": None,
        "expires_at": None,
        "signed_up_at": None,
    }


def _render_run(run: BulkRun) -> dict[str, Any]:
    return {
        "bulk_id": str(run.bulk_id),
        "school_id": str(run.school_id),
        "state": run.state.value,
        "channel": run.channel.value,
        "created_at": run.created_at.isoformat(),
        "not_before": _moment(run.not_before),
        "finished_at": _moment(run.finished_at),
        "note": run.note,
    }


def render_progress(progress: BulkProgress) -> dict[str, Any]:
    """Return counts as JSON: selected = pending + messaged + all skipped + all failed."""
    return {
        "selected": progress.selected,
        "pending": progress.pending,
        "messaged": progress.messaged,
        "waiting": progress.waiting,
        "skipped": dict(progress.skipped),
        "skipped_total": sum(progress.skipped.values()),
        "failed": dict(progress.failed),
        "failed_total": sum(progress.failed.values()),
    }


def _render_entry(row: Row[Any]) -> dict[str, Any]:
    return {
        "at": row.happened_at.isoformat(),
        "event": row.event,
        "detail": row.detail,
        "actor": row.actor,
    }


def _moment(value: Any) -> str | None:
    return None if value is None else str(value.isoformat())
