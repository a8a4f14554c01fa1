"""People as rows."""

from __future__ import annotations

from typing import Any

from services.roster.domain.contacts import Contact
from services.roster.domain.people import Link, Parent, SiblingGroup, Student


def student_row(student: Student) -> dict[str, Any]:
    family, first = student.last_name or "", student.first_name or ""
    return {
        "student_id": student.student_id,
        "name": student.name,
        "first_name": student.first_name,
        "last_name": student.last_name,
        "number": student.number,
        "class_name": student.class_name,
        "birth_date": student.birth_date,
        "name_key": student.name_key,
        "match_key": student.match_key,
        "sort_key": (f"{family} {first}" if family else student.name).casefold(),
        "version": student.version,
    }


def parent_row(parent: Parent) -> dict[str, Any]:
    return {
        "parent_id": parent.parent_id,
        "name": parent.name,
        "names": parent.names,
        "language": parent.language,
        "family_key": parent.key,
        "sort_key": parent.name.casefold(),
        "version": parent.version,
    }


def contact_row(parent: Parent, contact: Contact) -> dict[str, Any]:
    return {
        "contact_id": contact.contact_id,
        "parent_id": parent.parent_id,
        "kind": contact.kind,
        "address": contact.address,
        "key": contact.key,
        "preferred": contact.preferred,
        "verified": contact.verified,
    }


def link_row(parent: Parent, link: Link) -> dict[str, Any]:
    return {
        "student_id": link.student_id,
        "parent_id": parent.parent_id,
        "relation": link.relation,
        "rights": link.rights,
        "reason": link.reason,
        "sibling_group_id": link.sibling_group_id,
    }


def group_row(group: SiblingGroup) -> dict[str, Any]:
    return {
        "sibling_group_id": group.sibling_group_id,
        "parent_ids": group.parent_ids,
        "student_ids": group.student_ids,
        "reason": group.reason,
        "automatic": group.automatic,
        "version": group.version,
    }
