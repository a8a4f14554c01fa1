"""Writing what a use case changed: one statement per table, however many rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from services.roster.domain.register import Register
from services.roster.storage.records import as_json
from services.roster.storage.rendering import contact_row, link_row, parent_row, student_row
from shared.runtime.database import Transaction

_STUDENTS = text(
    """
    INSERT INTO students (school_id, student_id, name, first_name, last_name, number, class_name, birth_date,
                          name_key, match_key, sort_key, version)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        student_id uuid, name text, first_name text, last_name text, number text, class_name text, birth_date date,
        name_key text, match_key text, sort_key text, version bigint)
    ON CONFLICT (school_id, student_id) DO UPDATE SET
        name = excluded.name, first_name = excluded.first_name, last_name = excluded.last_name,
        number = excluded.number, class_name = excluded.class_name, birth_date = excluded.birth_date,
        name_key = excluded.name_key, match_key = excluded.match_key, sort_key = excluded.sort_key,
        version = excluded.version
    """
)
_RELEASE_KEYS = text(
    "UPDATE parents SET family_key = NULL WHERE school_id = :school_id AND parent_id = ANY(CAST(:ids AS uuid[]))"
)
_PARENTS = text(
    """
    INSERT INTO parents (school_id, parent_id, name, names, language, family_key, sort_key, version)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        parent_id uuid, name text, names text[], language text, family_key text, sort_key text, version bigint)
    ON CONFLICT (school_id, parent_id) DO UPDATE SET
        name = excluded.name, names = excluded.names, language = excluded.language,
        family_key = excluded.family_key, sort_key = excluded.sort_key, version = excluded.version
    """
)
_CONTACTS = text(
    """
    INSERT INTO contacts (school_id, contact_id, parent_id, kind, address, key, preferred, verified)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        contact_id uuid, parent_id uuid, kind text, address text, key text, preferred boolean, verified boolean)
    ON CONFLICT (school_id, contact_id) DO UPDATE SET
        address = excluded.address, key = excluded.key, preferred = excluded.preferred, verified = excluded.verified
    """
)
_LINKS = text(
    """
    INSERT INTO student_parents (school_id, student_id, parent_id, relation, rights, reason, sibling_group_id)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        student_id uuid, parent_id uuid, relation text, rights text, reason text, sibling_group_id uuid)
    ON CONFLICT (school_id, student_id, parent_id) DO UPDATE SET
        relation = excluded.relation, rights = excluded.rights, reason = excluded.reason,
        sibling_group_id = excluded.sibling_group_id
    """
)
_GROUPS = text(
    """
    INSERT INTO sibling_groups (school_id, sibling_group_id, parent_ids, student_ids, reason, automatic, version)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        sibling_group_id uuid, parent_ids uuid[], student_ids uuid[], reason text, automatic boolean, version bigint)
    ON CONFLICT (school_id, sibling_group_id) DO UPDATE SET
        parent_ids = excluded.parent_ids, student_ids = excluded.student_ids, version = excluded.version
    """
)
_REFUSE = text(
    """
    INSERT INTO taken_apart (school_id, parent_id, student_id)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (parent_id uuid, student_id uuid)
    ON CONFLICT DO NOTHING
    """
)
_PAIRS = "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (parent_id uuid, student_id uuid)"
_DELETE_LINKS = text(
    f"""
    DELETE FROM student_parents l WHERE l.school_id = :school_id
       AND (l.parent_id, l.student_id) IN (SELECT r.parent_id, r.student_id {_PAIRS})
    """
)
_ALLOW = text(
    f"""
    DELETE FROM taken_apart t WHERE t.school_id = :school_id
       AND (t.parent_id, t.student_id) IN (SELECT r.parent_id, r.student_id {_PAIRS})
    """
)


def _delete(table: str, column: str) -> TextClause:
    return text(f"DELETE FROM {table} WHERE school_id = :school_id AND {column} = ANY(CAST(:ids AS uuid[]))")


_DELETE = {
    "students": _delete("students", "student_id"),
    "parents": _delete("parents", "parent_id"),
    "contacts": _delete("contacts", "contact_id"),
    "groups": _delete("sibling_groups", "sibling_group_id"),
}


class _Saver:
    """Runs a statement only when there is something to write."""

    def __init__(self, tx: Transaction, school_id: UUID) -> None:
        self._tx = tx
        self._school_id = school_id

    async def write(self, statement: TextClause, rows: list[dict[str, Any]]) -> None:
        if rows:
            await self._tx.execute(statement, {"school_id": self._school_id, "rows": as_json(rows)})

    async def by_ids(self, statement: TextClause, ids: Iterable[UUID]) -> None:
        if chosen := list(ids):
            await self._tx.execute(statement, {"school_id": self._school_id, "ids": chosen})


async def save_register(tx: Transaction, school_id: UUID, register: Register) -> None:
    """Write what differs from the register's begin. Versions are taken as they stand in it."""
    saver, begin = _Saver(tx, school_id), register.begin
    await saver.by_ids(_DELETE["groups"], begin.groups.keys() - register.groups.keys())
    await saver.by_ids(_DELETE["students"], begin.students.keys() - register.students.keys())
    await saver.by_ids(_DELETE["parents"], begin.parents.keys() - register.parents.keys())
    students = [s for key, s in register.students.items() if begin.students.get(key) != s]
    await saver.write(_STUDENTS, [student_row(student) for student in students])
    await _save_parents(saver, register)
    groups = [group for key, group in register.groups.items() if begin.groups.get(key) != group]
    await saver.write(
        _GROUPS,
        [
            {
                "sibling_group_id": group.sibling_group_id,
                "parent_ids": group.parent_ids,
                "student_ids": group.student_ids,
                "reason": group.reason,
                "automatic": group.automatic,
                "version": group.version,
            }
            for group in groups
        ],
    )
    await saver.write(_REFUSE, _pairs(register.refused - begin.refused))
    await saver.write(_ALLOW, _pairs(begin.refused - register.refused))


async def _save_parents(saver: _Saver, register: Register) -> None:
    begin = register.begin.parents
    changed = [
        (begin.get(key), parent) for key, parent in register.parents.items() if begin.get(key) != parent
    ]
    await saver.by_ids(
        _RELEASE_KEYS,
        [after.parent_id for before, after in changed if before and before.key and before.key != after.key],
    )
    contacts, links, gone_contacts, gone_links = [], [], [], []
    for before, after in changed:
        old = set(before.contacts) if before else set()
        contacts += [contact_row(after, contact) for contact in after.contacts if contact not in old]
        kept = {contact.contact_id for contact in after.contacts}
        gone_contacts += [contact.contact_id for contact in old if contact.contact_id not in kept]
        old_links = set(before.links) if before else set()
        links += [link_row(after, link) for link in after.links if link not in old_links]
        gone_links += [
            (after.parent_id, link.student_id) for link in old_links if not after.link_to(link.student_id)
        ]
    await saver.by_ids(_DELETE["contacts"], gone_contacts)
    await saver.write(_DELETE_LINKS, _pairs(gone_links))
    await saver.write(_PARENTS, [parent_row(after) for _, after in changed])
    await saver.write(_CONTACTS, contacts)
    await saver.write(_LINKS, links)


def _pairs(pairs: Iterable[tuple[UUID, UUID]]) -> list[dict[str, Any]]:
    return [{"parent_id": parent_id, "student_id": student_id} for parent_id, student_id in pairs]
