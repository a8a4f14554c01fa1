"""Writing the projection, set-wise: at most one statement per table and batch."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.dashboard.domain.directory import School, Student
from services.dashboard.domain.family import Contact, Family
from services.dashboard.domain.timeline import Entry
from services.dashboard.storage.columns import (
    ACCOUNT,
    OUTCOME,
    PARENT_KEYS,
    PERSON,
    PROGRESS,
    SCHOOL,
    SCHOOL_KEYS,
    SENDING,
    STUDENT,
    STUDENT_KEYS,
)
from services.dashboard.storage.registers import arrays_of, upsert
from shared.runtime.database import Transaction


async def save_families(tx: Transaction, families: Sequence[Family]) -> None:
    """Merge the rows of one batch into the stored ones. `families` holds each parent once (`merge_all`)."""
    present = {
        PERSON: any(family.person for family in families),
        PROGRESS: any(family.progress for family in families),
        SENDING: any(family.sending for family in families),
        OUTCOME: any(family.outcome for family in families),
        ACCOUNT: any(family.account for family in families),
    }
    registers = tuple(register for register, used in present.items() if used)
    if not registers:
        return
    names = ["school_id", "parent_id", *(name for register in registers for name in register.names)]
    statement = upsert("parents", PARENT_KEYS, registers)
    changed = await tx.rows(statement, arrays_of([_columns(family) for family in families], names))
    if PERSON in registers:
        keys = {(row.school_id, row.parent_id) for row in changed}
        await _replace_links(tx, [f for f in families if (f.school_id, f.parent_id) in keys])
    await _add_confirmed(tx, [family for family in families if family.confirmed])


async def save_students(tx: Transaction, students: Sequence[Student]) -> None:
    """The newest version of each student stays."""
    newest: dict[tuple[UUID, UUID], Student] = {}
    for student in students:
        known = newest.get((student.school_id, student.student_id))
        if known is None or student.version > known.version:
            newest[student.school_id, student.student_id] = student
    rows = [
        {
            "school_id": student.school_id,
            "student_id": student.student_id,
            "version": student.version,
            "name": student.name,
            "number": student.number,
            "class_name": student.class_name,
            "removed": student.removed,
        }
        for student in newest.values()
    ]
    names = ["school_id", "student_id", *STUDENT.names]
    await tx.execute(upsert("students", STUDENT_KEYS, (STUDENT,)), arrays_of(rows, names))


async def save_schools(tx: Transaction, schools: Sequence[School]) -> None:
    """The newest version of each school stays."""
    newest: dict[UUID, School] = {}
    for school in schools:
        known = newest.get(school.school_id)
        if known is None or school.version > known.version:
            newest[school.school_id] = school
    rows = [
        {"school_id": school.school_id, **{name: getattr(school, name) for name in SCHOOL.names}}
        for school in newest.values()
    ]
    statement = upsert("schools", SCHOOL_KEYS, (SCHOOL,))
    await tx.execute(statement, arrays_of(rows, ["school_id", *SCHOOL.names]))


ADD_TIMELINE = text(
    """
    INSERT INTO timeline
        (school_id, parent_id, aggregate_id, version, kind, at, channel, template, reason, actor)
    SELECT * FROM unnest(
        CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[]), CAST(:aggregate_id AS uuid[]),
        CAST(:version AS bigint[]), CAST(:kind AS text[]), CAST(:at AS timestamptz[]),
        CAST(:channel AS text[]), CAST(:template AS text[]), CAST(:reason AS text[]), CAST(:actor AS text[]))
    ON CONFLICT DO NOTHING
    """
)


async def add_timeline(tx: Transaction, entries: Sequence[tuple[UUID, UUID, UUID, int, Entry]]) -> None:
    """Each entry with its school, parent, aggregate and version; told twice it stands once."""
    if not entries:
        return
    columns: dict[str, list[Any]] = {
        "school_id": [school for school, *_ in entries],
        "parent_id": [parent for _, parent, *_ in entries],
        "aggregate_id": [aggregate for _, _, aggregate, *_ in entries],
        "version": [version for *_, version, _ in entries],
    }
    for name in ("kind", "at", "channel", "template", "reason", "actor"):
        columns[name] = [getattr(entry, name) for *_, entry in entries]
    await tx.execute(ADD_TIMELINE, columns)


ADD_CONFIRMED = text(
    """
    UPDATE parents AS kept
       SET confirmed = (SELECT array_agg(DISTINCT each ORDER BY each)
                          FROM unnest(kept.confirmed || told.contact_ids) AS each)
      FROM (SELECT school_id, parent_id, array_agg(contact_id) AS contact_ids
              FROM unnest(CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[]), CAST(:contact_id AS uuid[]))
                   AS row (school_id, parent_id, contact_id)
             GROUP BY school_id, parent_id) AS told
     WHERE kept.school_id = told.school_id AND kept.parent_id = told.parent_id
       AND NOT kept.confirmed @> told.contact_ids
    """
)


async def _add_confirmed(tx: Transaction, families: Sequence[Family]) -> None:
    """The rows are there, and locked: the fact that confirms a contact also moves the invitation on."""
    rows = [
        {"school_id": family.school_id, "parent_id": family.parent_id, "contact_id": contact_id}
        for family in families
        for contact_id in family.confirmed
    ]
    if rows:
        await tx.execute(ADD_CONFIRMED, arrays_of(rows, list(rows[0])))


DROP_LINKS = text(
    """
    DELETE FROM links
     USING unnest(CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[])) AS gone (school_id, parent_id)
     WHERE links.school_id = gone.school_id AND links.parent_id = gone.parent_id
    """
)
ADD_LINKS = text(
    """
    INSERT INTO links (school_id, parent_id, student_id, relation, rights, reason)
    SELECT * FROM unnest(CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[]), CAST(:student_id AS uuid[]),
        CAST(:relation AS text[]), CAST(:rights AS text[]), CAST(:reason AS text[]))
    ON CONFLICT DO NOTHING
    """
)


async def _replace_links(tx: Transaction, families: Sequence[Family]) -> None:
    if not families:
        return
    keys = {"school_id": [f.school_id for f in families], "parent_id": [f.parent_id for f in families]}
    await tx.execute(DROP_LINKS, keys)
    rows = [
        {
            "school_id": family.school_id,
            "parent_id": family.parent_id,
            "student_id": link.student_id,
            "relation": link.relation,
            "rights": link.rights,
            "reason": link.reason,
        }
        for family in families
        if family.person
        for link in family.person.links
    ]
    if rows:
        await tx.execute(ADD_LINKS, arrays_of(rows, list(rows[0])))


def _columns(family: Family) -> dict[str, Any]:
    row: dict[str, Any] = {"school_id": family.school_id, "parent_id": family.parent_id}
    if person := family.person:
        row |= {"person_version": person.version, "name": person.name, "language": person.language}
        row |= {"removed": person.removed, "contacts": json.dumps([_contact(c) for c in person.contacts])}
        row["search"] = " ".join([person.name, *(contact.address for contact in person.contacts)]).lower()
    if progress := family.progress:
        row |= {"progress_version": progress.version, "state": progress.state.value}
        row |= {"state_at": progress.at, "state_reason": progress.reason}
    if sending := family.sending:
        row |= {"sending_version": sending.version, "generation": sending.generation}
        row |= {"channel": sending.channel, "contact_id": sending.contact_id}
        row |= {"expires_at": sending.expires_at, "last_invited_at": sending.at}
    if outcome := family.outcome:
        row |= {"outcome_generation": outcome.generation, "outcome_stage": int(outcome.stage)}
        row |= {"outcome_message_id": outcome.message_id, "outcome_version": outcome.version}
        row |= {"delivery": outcome.delivery.value, "delivery_at": outcome.at}
        row |= {"delivery_reason": outcome.reason, "delivery_code": outcome.code}
    if account := family.account:
        row |= {"signed_up_at": account.signed_up_at, "account_id": account.account_id}
    return row


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "contact_id": str(contact.contact_id),
        "kind": contact.kind,
        "address": contact.address,
        "preferred": contact.preferred,
        "verified": contact.verified,
    }
