"""Shared SQL of the status view: parents with children and opt-outs, and the text search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, true

from services.dashboard.domain.parent_projection import Contact, InvitationState
from services.dashboard.domain.reachability import OptedOutAddresses
from services.dashboard.domain.status_rows import LinkedStudent, ParentRow
from services.dashboard.storage.tables import links, opt_outs, parents, students
from shared.contracts.values import ContactKind, Delivery, InvitationStatus
from shared.runtime.database import Transaction

PARENT_COLUMNS = (
    parents.c.parent_id,
    parents.c.name,
    parents.c.language,
    parents.c.contacts,
    parents.c.confirmed,
    parents.c.status,
    parents.c.state,
    parents.c.state_at,
    parents.c.state_reason,
    parents.c.channel,
    parents.c.contact_id,
    parents.c.expires_at,
    parents.c.last_invited_at,
    parents.c.delivery,
    parents.c.delivery_reason,
    parents.c.delivery_at,
    parents.c.delivery_code,
    parents.c.signed_up_at,
)


def contains_text(column: ColumnElement[Any], typed: str) -> ColumnElement[bool]:
    """Return the condition that the lower-case column contains the typed text; `%` and `_` have no special meaning.

    A record of two names (`Ada & Bo Example`) is also found by either full name, because every typed word may occur
    anywhere in the column as a whole word.
    """
    words = typed.lower().split()
    padded = func.concat(" ", column, " ")
    whole_words = (padded.contains(f" {word} ", autoescape=True) for word in words)
    return or_(column.contains(" ".join(words), autoescape=True), and_(true(), *whole_words))


def linked_student() -> ColumnElement[bool]:
    """Return the join condition of a link and its listed student. Unknown and removed students do not show."""
    return and_(
        students.c.school_id == links.c.school_id,
        students.c.student_id == links.c.student_id,
        students.c.listed,
    )


async def with_children(tx: Transaction, school_id: UUID, rows: Sequence[Row[Any]]) -> list[ParentRow]:
    """Convert rows of PARENT_COLUMNS in their order; two more statements load children and opt-outs of all."""
    if not rows:
        return []
    parent_ids = [row.parent_id for row in rows]
    children = await _load_children(tx, school_id, parent_ids)
    opted_out = await _load_opt_outs(tx, school_id, parent_ids)
    return [
        _to_parent_row(
            row, tuple(children[row.parent_id]), frozenset(opted_out.get(row.parent_id, frozenset()))
        )
        for row in rows
    ]


async def _load_children(
    tx: Transaction, school_id: UUID, parent_ids: Sequence[UUID]
) -> defaultdict[UUID, list[LinkedStudent]]:
    query = (
        select(
            links.c.parent_id,
            links.c.relation,
            links.c.rights,
            links.c.reason,
            students.c.student_id,
            students.c.name,
            students.c.class_name,
        )
        .join(students, linked_student())
        .where(links.c.school_id == school_id, links.c.parent_id.in_(parent_ids))
        .order_by(students.c.sort_name, students.c.student_id)
    )
    children: defaultdict[UUID, list[LinkedStudent]] = defaultdict(list)
    for row in await tx.rows(query):
        children[row.parent_id].append(
            LinkedStudent(row.student_id, row.name, row.class_name, row.relation, row.rights, row.reason)
        )
    return children


async def _load_opt_outs(
    tx: Transaction, school_id: UUID, parent_ids: Sequence[UUID]
) -> dict[UUID, set[tuple[str, str]]]:
    query = select(opt_outs.c.parent_id, opt_outs.c.channel, opt_outs.c.address_digest).where(
        opt_outs.c.school_id == school_id, opt_outs.c.parent_id.in_(parent_ids), opt_outs.c.opted_out
    )
    addresses: defaultdict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for row in await tx.rows(query):
        addresses[row.parent_id].add((row.channel, row.address_digest))
    return addresses


def _to_parent_row(
    row: Row[Any], children: tuple[LinkedStudent, ...], opted_out: OptedOutAddresses
) -> ParentRow:
    return ParentRow(
        parent_id=row.parent_id,
        name=row.name,
        language=row.language,
        contacts=tuple(
            Contact(
                UUID(contact["contact_id"]),
                ContactKind(contact["kind"]),
                contact["address"],
                contact["preferred"],
                contact["verified"] or UUID(contact["contact_id"]) in row.confirmed,
            )
            for contact in row.contacts or ()
        ),
        children=children,
        status=InvitationStatus(row.status),
        state=InvitationState(row.state) if row.state else None,
        state_at=row.state_at,
        state_reason=row.state_reason,
        channel=row.channel,
        contact_id=row.contact_id,
        expires_at=row.expires_at,
        last_invited_at=row.last_invited_at,
        delivery=Delivery(row.delivery) if row.delivery else None,
        delivery_reason=row.delivery_reason,
        delivery_at=row.delivery_at,
        delivery_code=row.delivery_code,
        signed_up_at=row.signed_up_at,
        opt_outs=opted_out,
    )
