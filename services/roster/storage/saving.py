"""Writing what a use case changed: one statement per table, however many rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from services.roster.domain.register import Register
from services.roster.storage.records import as_json, keys_of, pairs_of
from services.roster.storage.rendering import contact_row, group_row, link_row, parent_row, student_row
from services.roster.storage.tables import CONTACTS, GROUPS, LINKS, PARENTS, STUDENTS, Table
from shared.runtime.database import Transaction

_RELEASE_KEYS = text(
    f"""
    UPDATE parents p SET family_key = NULL FROM {keys_of("ids", "uuid")} AS r
     WHERE p.school_id = r.school_id AND p.parent_id = r.key
    """
)
_REFUSE = text(
    """
    INSERT INTO taken_apart (school_id, parent_id, student_id)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (parent_id uuid, student_id uuid)
    ON CONFLICT DO NOTHING
    """
)


def _delete_pairs(table: str, first: str, second: str) -> TextClause:
    return text(
        f"""
        DELETE FROM {table} t USING {pairs_of(first, second)} AS r
         WHERE t.school_id = r.school_id AND t.{first} = r.{first} AND t.{second} = r.{second}
        """
    )


_DELETE_LINKS = _delete_pairs("student_parents", "student_id", "parent_id")
_DELETE_CONTACTS = _delete_pairs("contacts", "parent_id", "contact_id")
_ALLOW = _delete_pairs("taken_apart", "parent_id", "student_id")


def _delete(table: str, column: str) -> TextClause:
    return text(f"DELETE FROM {table} WHERE school_id = :school_id AND {column} = ANY(CAST(:ids AS uuid[]))")


_DELETE = {
    "students": _delete("students", "student_id"),
    "parents": _delete("parents", "parent_id"),
    "groups": _delete("sibling_groups", "sibling_group_id"),
}


@dataclass(slots=True)
class _Rows:
    """Rows of one table. A link or contact of a parent that was there before may be there too: `changed`."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, before: object, after: object, row: dict[str, Any]) -> None:
        """The row of what came to be, or of what differs."""
        if before is None:
            self.new.append(row)
        elif before != after:
            self.changed.append(row)


class _Saver:
    """Runs a statement only when there is something to write."""

    def __init__(self, tx: Transaction, school_id: UUID) -> None:
        self._tx = tx
        self._school_id = school_id

    async def write(self, statement: TextClause, rows: list[dict[str, Any]]) -> None:
        if rows:
            await self._tx.execute(statement, {"school_id": self._school_id, "rows": as_json(rows)})

    async def save(self, table: Table, rows: _Rows) -> None:
        """Changed rows first: what they let go of, new ones may take."""
        await self.write(table.upsert, rows.changed)
        await self.write(table.insert, rows.new)

    async def by_ids(self, statement: TextClause, ids: Iterable[UUID]) -> None:
        if chosen := list(ids):
            await self._tx.execute(statement, {"school_id": self._school_id, "ids": chosen})


async def save_register(tx: Transaction, school_id: UUID, register: Register) -> None:
    """Write what differs from the register's begin. Versions are taken as they stand in it."""
    saver, begin = _Saver(tx, school_id), register.begin
    await saver.by_ids(_DELETE["groups"], begin.groups.keys() - register.groups.keys())
    await saver.by_ids(_DELETE["students"], begin.students.keys() - register.students.keys())
    await saver.by_ids(_DELETE["parents"], begin.parents.keys() - register.parents.keys())
    students, groups = _Rows(), _Rows()
    for key, student in register.students.items():
        if (before := begin.students.get(key)) is not student:
            students.add(before, student, student_row(student))
    await saver.save(STUDENTS, students)
    await _save_parents(saver, register)
    for key, group in register.groups.items():
        if (held := begin.groups.get(key)) is not group:
            groups.add(held, group, group_row(group))
    await saver.save(GROUPS, groups)
    await saver.write(_REFUSE, _pairs(register.refused - begin.refused))
    await saver.write(_ALLOW, _pairs(begin.refused - register.refused))


async def _save_parents(saver: _Saver, register: Register) -> None:
    begin = register.begin.parents
    parents, contacts, links = _Rows(), _Rows(), _Rows()
    released: list[UUID] = []
    gone_contacts: list[dict[str, Any]] = []
    gone_links: list[tuple[UUID, UUID]] = []
    for parent_id, after in register.parents.items():
        before = begin.get(parent_id)
        if before is after:
            continue
        parents.add(before, after, parent_row(after))
        if before is None:
            contacts.new += [contact_row(after, contact) for contact in after.contacts]
            links.new += [link_row(after, link) for link in after.links]
            continue
        if before.key and before.key != after.key:
            released.append(parent_id)
        old, kept = set(before.contacts), {contact.contact_id for contact in after.contacts}
        contacts.changed += [contact_row(after, contact) for contact in after.contacts if contact not in old]
        gone_contacts += [
            {"parent_id": parent_id, "contact_id": contact.contact_id}
            for contact in before.contacts
            if contact.contact_id not in kept
        ]
        old_links = set(before.links)
        links.changed += [link_row(after, link) for link in after.links if link not in old_links]
        gone_links += [
            (parent_id, link.student_id) for link in before.links if not after.link_to(link.student_id)
        ]
    await saver.by_ids(_RELEASE_KEYS, released)
    await saver.write(_DELETE_CONTACTS, gone_contacts)
    await saver.write(_DELETE_LINKS, _pairs(gone_links))
    await saver.save(PARENTS, parents)
    await saver.save(CONTACTS, contacts)
    await saver.save(LINKS, links)


def _pairs(pairs: Iterable[tuple[UUID, UUID]]) -> list[dict[str, Any]]:
    return [{"parent_id": parent_id, "student_id": student_id} for parent_id, student_id in pairs]
