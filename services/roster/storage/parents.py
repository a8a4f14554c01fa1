"""Tables of the parent record: `parents`, `contacts`, `student_parents` and `taken_apart`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.people import Contact, Link, Parent, Reason, Rights, SchoolContactContext
from services.roster.domain.roster_changes import Difference, Pairs
from services.roster.storage.statements import (
    BatchWrite,
    SchoolWriter,
    as_json,
    delete_by_ids,
    delete_by_pairs,
    keys_of_school,
)
from services.roster.storage.tables import CONTACTS, PARENTS, STUDENT_PARENTS, TAKEN_APART
from shared.contracts.values import ContactKind
from shared.runtime.database import Transaction

LOAD = text(
    f"""
    WITH wanted AS (
        SELECT school_id, key AS parent_id FROM {keys_of_school("parent_ids", "uuid")} AS r
        UNION
        SELECT p.school_id, p.parent_id FROM {keys_of_school("family_keys", "text")} AS r
          JOIN parents p ON p.school_id = r.school_id AND p.family_key = r.key
        UNION
        SELECT l.school_id, l.parent_id FROM {keys_of_school("student_ids", "uuid")} AS r
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
_LOAD_SEPARATED = text(
    f"""
    SELECT t.parent_id, t.student_id FROM {keys_of_school("ids", "uuid")} AS r
      JOIN taken_apart t ON t.school_id = r.school_id AND t.parent_id = r.key
    """
)
CLEAR_FAMILY_KEYS = text(
    f"""
    UPDATE parents p SET family_key = NULL FROM {keys_of_school("ids", "uuid")} AS r
     WHERE p.school_id = r.school_id AND p.parent_id = r.key
    """
)
_CLEAR_FAMILY_KEYS_BY_CONTACT = text(
    """
    UPDATE parents SET family_key = NULL
     WHERE school_id = :school_id AND family_key IS NOT NULL
       AND EXISTS (SELECT FROM contacts c
                    WHERE c.school_id = parents.school_id AND c.parent_id = parents.parent_id
                      AND c.key = ANY(CAST(:keys AS text[])))
    """
)
# Rows are locked in the order of their ids, so that two transactions cannot wait for each other.
_MARK_SIGNED_UP = text(
    """
    WITH sign_ups AS (
        SELECT r.school_id, r.parent_id, min(r.signed_up_at) AS signed_up_at
          FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (school_id uuid, parent_id uuid, signed_up_at timestamptz)
         GROUP BY r.school_id, r.parent_id),
    locked AS (
        SELECT p.school_id, p.parent_id, sign_ups.signed_up_at
          FROM parents p JOIN sign_ups USING (school_id, parent_id) ORDER BY p.parent_id FOR NO KEY UPDATE OF p)
    UPDATE parents p SET signed_up_at = least(p.signed_up_at, locked.signed_up_at)
      FROM locked WHERE p.school_id = locked.school_id AND p.parent_id = locked.parent_id
    """
)
_INSERT_SEPARATED = text(
    """
    INSERT INTO taken_apart (school_id, parent_id, student_id)
    SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (parent_id uuid, student_id uuid)
    ON CONFLICT DO NOTHING
    """
)
_DELETE_SEPARATED = delete_by_pairs(TAKEN_APART, "parent_id", "student_id")
_DELETE_PARENTS = delete_by_ids(PARENTS, "parent_id")
_DELETE_CONTACTS = delete_by_pairs(CONTACTS, "parent_id", "contact_id")
_DELETE_LINKS = delete_by_pairs(STUDENT_PARENTS, "student_id", "parent_id")
_WRITE_PARENTS = BatchWrite.for_table(
    PARENTS, mutable="name names language family_key sort_key version", left_out="signed_up_at"
)
_WRITE_CONTACTS = BatchWrite.for_table(CONTACTS, mutable="address key preferred verified")
_WRITE_LINKS = BatchWrite.for_table(STUDENT_PARENTS, mutable="relation rights reason sibling_group_id")


async def load_parents(
    tx: Transaction,
    school_id: UUID,
    *,
    parent_ids: Iterable[UUID] = (),
    family_keys: Iterable[str] = (),
    student_ids: Iterable[UUID] = (),
) -> list[Parent]:
    """Return the parents with these ids, the holders of these family keys and the parents of these students."""
    rows = await tx.rows(
        LOAD,
        {
            "school_id": school_id,
            "parent_ids": list(parent_ids),
            "family_keys": list(family_keys),
            "student_ids": list(student_ids),
        },
    )
    return [_parent(row) for row in rows]


async def load_separated(
    tx: Transaction, school_id: UUID, parent_ids: Sequence[UUID]
) -> list[tuple[UUID, UUID]]:
    """Return the (parent, student) pairs of these parents that staff unlinked."""
    if not parent_ids:
        return []
    rows = await tx.rows(_LOAD_SEPARATED, {"school_id": school_id, "ids": list(parent_ids)})
    return [(row.parent_id, row.student_id) for row in rows]


async def save_parents(tx: Transaction, school_id: UUID, difference: Difference[Parent]) -> None:
    """Delete, update and insert parent records with their contacts and links. The students must be saved already."""
    writer = SchoolWriter(tx, school_id)
    updates, added = difference.updated, difference.added
    await writer.run_by_ids(_DELETE_PARENTS, difference.removed_ids)
    await writer.run_by_ids(
        CLEAR_FAMILY_KEYS,
        [
            after.parent_id
            for before, after in updates
            if before.family_key and before.family_key != after.family_key
        ],
    )
    await writer.run(_DELETE_CONTACTS, _removed_contacts(updates))
    await writer.run(_DELETE_LINKS, _removed_links(updates))
    await writer.save(
        _WRITE_PARENTS,
        added=[_parent_row(parent) for parent in added],
        updated=[_parent_row(after) for _, after in updates],
    )
    await writer.save(
        _WRITE_CONTACTS,
        added=[_contact_row(parent, contact) for parent in added for contact in parent.contacts],
        updated=[
            _contact_row(after, contact)
            for before, after in updates
            for contact in after.contacts
            if contact not in before.contacts
        ],
    )
    await writer.save(
        _WRITE_LINKS,
        added=[_link_row(parent, link) for parent in added for link in parent.links],
        updated=[
            _link_row(after, link)
            for before, after in updates
            for link in after.links
            if link not in before.links
        ],
    )


async def save_separated(tx: Transaction, school_id: UUID, *, separated: Pairs, reunited: Pairs) -> None:
    """Insert and delete the (parent, student) pairs that staff unlinked."""
    writer = SchoolWriter(tx, school_id)
    await writer.run(_INSERT_SEPARATED, _pair_rows(separated))
    await writer.run(_DELETE_SEPARATED, _pair_rows(reunited))


async def clear_family_keys_of_school_contacts(
    tx: Transaction, school_id: UUID, school: SchoolContactContext
) -> None:
    """Clear the family key of every parent record that has the school's own phone number or e-mail address."""
    keys = [address.casefold() for address in (school.phone, school.email) if address]
    if keys:
        await tx.execute(_CLEAR_FAMILY_KEYS_BY_CONTACT, {"school_id": school_id, "keys": keys})


async def save_sign_ups(tx: Transaction, sign_ups: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Save when parents signed up, given as (school, parent, moment). The earliest moment stays."""
    rows: list[dict[str, Any]] = [
        {"school_id": school_id, "parent_id": parent_id, "signed_up_at": signed_up_at}
        for school_id, parent_id, signed_up_at in sign_ups
    ]
    await tx.execute(_MARK_SIGNED_UP, {"rows": as_json(rows)})


def _parent(row: Any) -> Parent:
    return Parent(
        row.parent_id,
        tuple(row.names),
        row.language,
        tuple(_contact(values) for values in row.contacts or ()),
        tuple(_link(values) for values in row.links or ()),
        row.family_key,
        row.signed_up_at,
        row.version,
    )


def _contact(values: list[Any]) -> Contact:
    contact_id, kind, address, preferred, verified = values
    return Contact(UUID(contact_id), ContactKind(kind), address, preferred, verified)


def _link(values: list[Any]) -> Link:
    student_id, relation, rights, reason, group_id = values
    return Link(
        UUID(student_id), relation, Rights(rights), Reason(reason), UUID(group_id) if group_id else None
    )


def _parent_row(parent: Parent) -> dict[str, Any]:
    return {
        "parent_id": parent.parent_id,
        "name": parent.name,
        "names": parent.names,
        "language": parent.language,
        "family_key": parent.family_key,
        "sort_key": parent.name.casefold(),
        "version": parent.version,
    }


def _contact_row(parent: Parent, contact: Contact) -> dict[str, Any]:
    return {
        "contact_id": contact.contact_id,
        "parent_id": parent.parent_id,
        "kind": contact.kind,
        "address": contact.address,
        "key": contact.key,
        "preferred": contact.preferred,
        "verified": contact.verified,
    }


def _link_row(parent: Parent, link: Link) -> dict[str, Any]:
    return {
        "student_id": link.student_id,
        "parent_id": parent.parent_id,
        "relation": link.relation,
        "rights": link.rights,
        "reason": link.reason,
        "sibling_group_id": link.sibling_group_id,
    }


def _removed_contacts(updates: Sequence[tuple[Parent, Parent]]) -> list[dict[str, Any]]:
    return [
        {"parent_id": before.parent_id, "contact_id": contact.contact_id}
        for before, after in updates
        for contact in before.contacts
        if contact.contact_id not in {other.contact_id for other in after.contacts}
    ]


def _removed_links(updates: Sequence[tuple[Parent, Parent]]) -> list[dict[str, Any]]:
    return _pair_rows(
        (before.parent_id, link.student_id)
        for before, after in updates
        for link in before.links
        if after.find_link(link.student_id) is None
    )


def _pair_rows(pairs: Iterable[tuple[UUID, UUID]]) -> list[dict[str, Any]]:
    return [{"parent_id": parent_id, "student_id": student_id} for parent_id, student_id in pairs]
