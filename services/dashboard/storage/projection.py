"""Writing the projection, set-wise: at most one statement per table and batch."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.dashboard.domain.directory import School, Student
from services.dashboard.domain.family import Family
from services.dashboard.domain.timeline import Entry
from services.dashboard.storage.columns import (
    PARENT_KEYS,
    PERSON,
    SCHOOL,
    SCHOOL_KEYS,
    STUDENT,
    STUDENT_KEYS,
)
from services.dashboard.storage.family_columns import HELD, columns_of
from services.dashboard.storage.registers import arrays_of, upsert
from shared.runtime.database import BatchStatement, Transaction

# PostgreSQL notes the writing transaction as `xmax` where it found the row and locked it, and nothing in a new one.
_WAS_THERE = "kept.school_id, kept.parent_id, kept.xmax <> 0 AS was_there"


async def save_families(tx: Transaction, families: Sequence[Family]) -> None:
    """Merge the rows of one batch into the stored ones. `families` holds each parent once (`merge_all`)."""
    values = {register: list(map(held, families)) for register, held in HELD.items()}
    registers = tuple(register for register, held in values.items() if any(held))
    if not registers:
        return
    columns: dict[str, Sequence[Any]] = {
        "school_id": [family.school_id for family in families],
        "parent_id": [family.parent_id for family in families],
    }
    for register in registers:
        columns |= columns_of(register, values[register])
    if PERSON in registers:
        changed = await tx.rows(
            *upsert("parents", PARENT_KEYS, registers, returning=_WAS_THERE).bind_columns(columns)
        )
        known = {(row.school_id, row.parent_id): row.was_there for row in changed}
        await _replace_links(tx, [f for f in families if (f.school_id, f.parent_id) in known], known)
    else:
        await tx.execute(*upsert("parents", PARENT_KEYS, registers).bind_columns(columns))
    await _add_confirmed(tx, [family for family in families if family.confirmed])


async def save_students(tx: Transaction, students: Sequence[Student]) -> None:
    """The newest version of each student stays."""
    newest: dict[UUID, Student] = {}
    for student in students:
        known = newest.get(student.student_id)
        if known is None or student.version > known.version:
            newest[student.student_id] = student
    await tx.execute(*upsert("students", STUDENT_KEYS, (STUDENT,)).of(newest.values()))


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
    await tx.execute(*statement.bind_columns(arrays_of(rows, ["school_id", *SCHOOL.names])))


ADD_TIMELINE = BatchStatement(
    "INSERT INTO timeline ({names}) SELECT * FROM {rows} ON CONFLICT DO NOTHING",
    {
        "school_id": "uuid",
        "parent_id": "uuid",
        "aggregate_id": "uuid",
        "version": "bigint",
        "kind": "text",
        "at": "timestamptz",
        "channel": "text",
        "template": "text",
        "reason": "text",
        "actor": "text",
    },
)
_ENTRY = ("kind", "at", "channel", "template", "reason", "actor")


async def add_timeline(tx: Transaction, entries: Sequence[tuple[UUID, UUID, str, int, Entry]]) -> None:
    """Each entry with its school, parent, aggregate and version; told twice it stands once."""
    if not entries:
        return
    schools, parents, aggregates, versions, lines = zip(*entries, strict=True)
    columns: dict[str, Sequence[Any]] = {name: [getattr(line, name) for line in lines] for name in _ENTRY}
    columns |= {"school_id": schools, "parent_id": parents, "aggregate_id": aggregates, "version": versions}
    await tx.execute(*ADD_TIMELINE.bind_columns(columns))


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
ADD_LINKS = BatchStatement(
    "INSERT INTO links ({names}) SELECT * FROM {rows} ON CONFLICT DO NOTHING",
    {
        "school_id": "uuid",
        "parent_id": "uuid",
        "student_id": "uuid",
        "relation": "text",
        "rights": "text",
        "reason": "text",
    },
)


async def _replace_links(
    tx: Transaction, families: Sequence[Family], known: Mapping[tuple[UUID, UUID], bool]
) -> None:
    """Of these families, whose person has changed; `known` says by school and parent whether the row was there."""
    older = [key for key, was_there in known.items() if was_there]
    if older:
        schools, parents = zip(*older, strict=True)
        await tx.execute(DROP_LINKS, {"school_id": schools, "parent_id": parents})
    links = [(family, link) for family in families if family.person for link in family.person.links]
    if links:
        columns: dict[str, Sequence[Any]] = {
            name: [getattr(link, name) for _, link in links]
            for name in ("student_id", "relation", "rights", "reason")
        }
        columns |= {
            name: [getattr(family, name) for family, _ in links] for name in ("school_id", "parent_id")
        }
        await tx.execute(*ADD_LINKS.bind_columns(columns))
