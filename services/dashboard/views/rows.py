"""Rows of the tables as the domain's rows."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, select

from services.dashboard.domain.family import Contact
from services.dashboard.domain.reach import Stopped
from services.dashboard.domain.rows import Child, ParentRow
from services.dashboard.domain.status import Delivery, State, Status
from services.dashboard.storage import opt_outs
from services.dashboard.storage.tables import links, parents, students
from shared.runtime.database import Transaction


def linked_student() -> ColumnElement[bool]:
    """Join condition of a link and its student; students not heard of yet, or removed, do not show."""
    return and_(
        students.c.school_id == links.c.school_id,
        students.c.student_id == links.c.student_id,
        students.c.listed,
    )


async def with_children(tx: Transaction, school_id: UUID, rows: Sequence[Row[Any]]) -> list[ParentRow]:
    """The parents' rows with their children, in the order given; two more statements for all of them."""
    if not rows:
        return []
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
        .where(links.c.school_id == school_id, links.c.parent_id.in_([row.parent_id for row in rows]))
        .order_by(students.c.sort_name, students.c.student_id)
    )
    children: dict[UUID, list[Child]] = defaultdict(list)
    for row in await tx.rows(query):
        children[row.parent_id].append(
            Child(row.student_id, row.name, row.class_name, row.relation, row.rights, row.reason)
        )
    stopped = await opt_outs.find(tx, school_id, [row.parent_id for row in rows])
    return [
        _parent(row, tuple(children[row.parent_id]), stopped.get(row.parent_id, frozenset())) for row in rows
    ]


def _parent(row: Row[Any], children: tuple[Child, ...], stopped: Stopped) -> ParentRow:
    return ParentRow(
        parent_id=row.parent_id,
        name=row.name,
        language=row.language,
        contacts=tuple(
            Contact(
                UUID(contact["contact_id"]),
                contact["kind"],
                contact["address"],
                contact["preferred"],
                contact["verified"] or UUID(contact["contact_id"]) in row.confirmed,
            )
            for contact in row.contacts or ()
        ),
        children=children,
        status=Status(row.status),
        state=State(row.state) if row.state else None,
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
        stopped=stopped,
    )


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
