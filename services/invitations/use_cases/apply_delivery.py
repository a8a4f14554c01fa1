"""Delivery reports and opt-outs from the notifier, applied to invitations and items of bulk runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.invitations.domain.delivery import DeliveryReport, advance, furthest
from services.invitations.domain.models import OptOut, TimelineEntry
from services.invitations.storage import bulk_items, deliveries, invitation_updates, opt_outs
from shared.runtime.database import Transaction


async def apply_delivery(tx: Transaction, reports: Sequence[DeliveryReport]) -> None:
    """Apply delivery reports; those about older messages or unknown invitations change no invitation."""
    by_message: dict[UUID, list[DeliveryReport]] = {}
    for report in reports:
        by_message.setdefault(report.message_id, []).append(report)
    decisive = [furthest(message_reports) for message_reports in by_message.values()]
    present = await deliveries.claim(tx, {report.invitation_id for report in decisive})
    changed = {}
    for report in decisive:
        current = present.get(report.invitation_id)
        advanced = advance(current, report) if current else None
        if advanced is not None:
            changed[advanced.invitation_id] = advanced
    await deliveries.save(tx, changed.values())
    reported = [
        (present[report.invitation_id], report) for report in decisive if report.invitation_id in present
    ]
    await bulk_items.apply_reports(tx, reported)


async def save_opt_outs(tx: Transaction, changes: Sequence[OptOut]) -> None:
    """Save opt-outs and opt-ins, and record in the timelines those that are news."""
    saved = await opt_outs.save(tx, changes)
    entries = [
        TimelineEntry(
            change.parent_id,
            change.school_id,
            "opted_out" if change.opted_out else "opted_in",
            change.channel.value,
        )
        for change in saved
    ]
    await invitation_updates.record(tx, entries)
