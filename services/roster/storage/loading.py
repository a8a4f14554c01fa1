"""Reading the part of a school's roster that a use case works on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.contacts import Contact, ContactKind
from services.roster.domain.people import Link, Parent, Reason, Rights, SiblingGroup, Student
from services.roster.domain.register import Register
from services.roster.domain.school import School
from services.roster.storage.records import keys_of
from shared.runtime.database import Transaction

STUDENT_COLUMNS = (
    "student_id, name, first_name, last_name, number, class_name, birth_date, match_key, version"
)
_STUDENTS = text(
    f"""
    SELECT {STUDENT_COLUMNS} FROM {keys_of("ids", "uuid")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.student_id = r.key
    """
)
_PARENTS = text(
    f"""
    WITH wanted AS (
        SELECT school_id, key AS parent_id FROM {keys_of("parent_ids", "uuid")} AS r
        UNION
        SELECT p.school_id, p.parent_id FROM {keys_of("keys", "text")} AS r
          JOIN parents p ON p.school_id = r.school_id AND p.family_key = r.key
        UNION
        SELECT l.school_id, l.parent_id FROM {keys_of("student_ids", "uuid")} AS r
          JOIN student_parents l ON l.school_id = r.school_id AND l.student_id = r.key
    )
    SELECT p.parent_id, p.names, p.language, p.family_key, p.signed_up_at, p.version,
           (SELECT jsonb_agg(jsonb_build_array(c.contact_id, c.kind, c.address, c.preferred, c.verified)
                             ORDER BY c.contact_id)
              FROM contacts c WHERE c.school_id = p.school_id AND c.parent_id = p.parent_id) AS contacts,
           (SELECT jsonb_agg(jsonb_build_array(l.student_id, l.relation, l.rights, l.reason, l.sibling_group_id)
                             ORDER BY l.linked_at, l.student_id)
              FROM student_parents l WHERE l.school_id = p.school_id AND l.parent_id = p.parent_id) AS links
      FROM wanted JOIN parents p ON p.school_id = wanted.school_id AND p.parent_id = wanted.parent_id
     ORDER BY p.created_at, p.parent_id
    """
)
_GROUPS = text(
    """
    SELECT sibling_group_id, parent_ids, student_ids, reason, automatic, version FROM sibling_groups
     WHERE school_id = :school_id
       AND (parent_ids && CAST(:parent_ids AS uuid[]) OR student_ids && CAST(:student_ids AS uuid[])
            OR sibling_group_id = ANY(CAST(:group_ids AS uuid[])))
     ORDER BY sibling_group_id
    """
)
_REFUSED = text(
    f"""
    SELECT t.parent_id, t.student_id FROM {keys_of("ids", "uuid")} AS r
      JOIN taken_apart t ON t.school_id = r.school_id AND t.parent_id = r.key
    """
)


async def load_register(
    tx: Transaction,
    school: School,
    *,
    students: Iterable[UUID] = (),
    parents: Iterable[UUID] = (),
    keys: Iterable[str] = (),
    groups: Iterable[UUID] = (),
) -> Register:
    """These pupils with their parents, these parents, the holders of these family keys, and the groups of them all."""
    scope = {"school_id": school.school_id}
    student_ids = list(students)
    found_groups = [_group(row) for row in await _groups_by_id(tx, scope, list(groups))]
    parent_ids = [*parents, *(parent_id for group in found_groups for parent_id in group.parent_ids)]
    loaded = await tx.rows(
        _PARENTS, {**scope, "parent_ids": parent_ids, "keys": list(keys), "student_ids": student_ids}
    )
    known = [_parent(row) for row in loaded]
    ids = [parent.parent_id for parent in known]
    around = await tx.rows(_GROUPS, {**scope, "parent_ids": ids, "student_ids": student_ids, "group_ids": []})
    refused = await tx.rows(_REFUSED, {**scope, "ids": ids}) if ids else []
    return Register(
        school.surroundings,
        await load_students(tx, school.school_id, student_ids),
        known,
        [_group(row) for row in around],
        [(row.parent_id, row.student_id) for row in refused],
    )


async def load_students(tx: Transaction, school_id: UUID, student_ids: list[UUID]) -> list[Student]:
    """Pupils by id; unknown ones are left out."""
    if not student_ids:
        return []
    return [student_of(row) for row in await tx.rows(_STUDENTS, {"school_id": school_id, "ids": student_ids})]


def student_of(row: Any) -> Student:
    """A row with STUDENT_COLUMNS."""
    return Student(
        row.student_id,
        row.name,
        row.first_name,
        row.last_name,
        row.number,
        row.class_name,
        row.birth_date,
        row.match_key,
        row.version,
    )


async def _groups_by_id(tx: Transaction, scope: dict[str, Any], group_ids: list[UUID]) -> list[Any]:
    if not group_ids:
        return []
    return list(
        await tx.rows(_GROUPS, {**scope, "parent_ids": [], "student_ids": [], "group_ids": group_ids})
    )


def _parent(row: Any) -> Parent:
    return Parent(
        row.parent_id,
        tuple(row.names),
        row.language,
        tuple(Contact(UUID(c[0]), ContactKind(c[1]), c[2], c[3], c[4]) for c in row.contacts or ()),
        tuple(_link(link) for link in row.links or ()),
        row.family_key,
        row.signed_up_at,
        row.version,
    )


def _link(raw: list[Any]) -> Link:
    return Link(UUID(raw[0]), raw[1], Rights(raw[2]), Reason(raw[3]), UUID(raw[4]) if raw[4] else None)


def _group(row: Any) -> SiblingGroup:
    return SiblingGroup(
        row.sibling_group_id,
        tuple(row.parent_ids),
        tuple(row.student_ids),
        Reason(row.reason),
        row.automatic,
        row.version,
    )
