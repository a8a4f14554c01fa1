"""Table `parents` and its links to students: one upsert merges a batch of projections into the stored rows.

The field groups of `ParentProjection` are column groups here. Links belong to the group `person` and are replaced
whenever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from services.dashboard.domain.parent_projection import ParentProjection, Person
from services.dashboard.storage.versioned_columns import VersionedColumns, build_upsert
from shared.runtime.database import BatchStatement, Transaction

PARENT_KEYS = (("school_id", "uuid"), ("parent_id", "uuid"))
PERSON = VersionedColumns(
    (
        ("person_version", "bigint"),
        ("name", "text"),
        ("language", "text"),
        ("contacts", "jsonb"),
        ("search", "text"),
        ("removed", "boolean"),
    ),
)
PROGRESS = VersionedColumns(
    (
        ("progress_version", "bigint"),
        ("state", "text"),
        ("state_at", "timestamptz"),
        ("state_reason", "text"),
    ),
)
SENDING = VersionedColumns(
    (
        ("sending_version", "bigint"),
        ("generation", "integer"),
        ("channel", "text"),
        ("contact_id", "uuid"),
        ("expires_at", "timestamptz"),
        ("last_invited_at", "timestamptz"),
    ),
)
OUTCOME = VersionedColumns(
    (
        ("outcome_generation", "integer"),
        ("outcome_stage", "integer"),
        ("outcome_message_id", "uuid"),
        ("outcome_version", "bigint"),
        ("delivery", "text"),
        ("delivery_at", "timestamptz"),
        ("delivery_reason", "text"),
        ("delivery_code", "text"),
    ),
    rank_size=4,
)
ACCOUNT = VersionedColumns((("signed_up_at", "timestamptz"), ("account_id", "uuid")), rank_size=2)
PARENT_GROUPS = (PERSON, PROGRESS, SENDING, OUTCOME, ACCOUNT)

# In a row that was just inserted `xmax` is 0; in one that existed it is the transaction that locked it.
_CHANGED_ROW = "stored.school_id, stored.parent_id, stored.xmax <> 0 AS existed"
_ADD_CONFIRMED = BatchStatement(
    """
    UPDATE parents AS stored
       SET confirmed = (SELECT array_agg(DISTINCT contact_id ORDER BY contact_id)
                          FROM unnest(stored.confirmed || incoming.contact_ids) AS contact_id)
      FROM (SELECT school_id, parent_id, array_agg(contact_id) AS contact_ids
              FROM {rows} GROUP BY school_id, parent_id) AS incoming
     WHERE stored.school_id = incoming.school_id AND stored.parent_id = incoming.parent_id
       AND NOT stored.confirmed @> incoming.contact_ids
    """,
    {"school_id": "uuid", "parent_id": "uuid", "contact_id": "uuid"},
)
_DELETE_LINKS = BatchStatement(
    "DELETE FROM links USING {rows} WHERE links.school_id = r.school_id AND links.parent_id = r.parent_id",
    {"school_id": "uuid", "parent_id": "uuid"},
)
_INSERT_LINKS = BatchStatement(
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


async def save_parents(tx: Transaction, parents: Sequence[ParentProjection]) -> None:
    """Merge the projections of one batch into the stored rows. Each parent may occur once (see `merge_all`)."""
    values = {group: list(map(read, parents)) for group, read in _READ_GROUP.items()}
    groups = tuple(group for group, held in values.items() if any(held))
    if not groups:
        return
    columns: dict[str, Sequence[Any]] = {
        "school_id": [parent.school_id for parent in parents],
        "parent_id": [parent.parent_id for parent in parents],
    }
    for group in groups:
        columns |= _to_columns(group, values[group])
    if PERSON in groups:
        upsert = build_upsert("parents", PARENT_KEYS, groups, returning=_CHANGED_ROW)
        changed = await tx.rows(*upsert.bind_columns(columns))
        existed = {(row.school_id, row.parent_id): row.existed for row in changed}
        await _replace_links(tx, [p for p in parents if (p.school_id, p.parent_id) in existed], existed)
    else:
        await tx.execute(*build_upsert("parents", PARENT_KEYS, groups).bind_columns(columns))
    await _add_confirmed(tx, parents)


async def _add_confirmed(tx: Transaction, parents: Sequence[ParentProjection]) -> None:
    """Add confirmed contacts. The rows exist and are locked, because the same event also changes the progress."""
    rows = [
        (parent.school_id, parent.parent_id, contact_id)
        for parent in parents
        for contact_id in parent.confirmed
    ]
    if rows:
        columns = dict(zip(("school_id", "parent_id", "contact_id"), zip(*rows, strict=True), strict=True))
        await tx.execute(*_ADD_CONFIRMED.bind_columns(columns))


async def _replace_links(
    tx: Transaction, parents: Sequence[ParentProjection], existed: Mapping[tuple[UUID, UUID], bool]
) -> None:
    """Replace the links of parents whose person changed; `existed` holds whether the row existed before."""
    outdated = [key for key, row_existed in existed.items() if row_existed]
    if outdated:
        schools, parent_ids = zip(*outdated, strict=True)
        await tx.execute(*_DELETE_LINKS.bind_columns({"school_id": schools, "parent_id": parent_ids}))
    links = [(parent, link) for parent in parents if parent.person for link in parent.person.links]
    if links:
        columns: dict[str, Sequence[Any]] = {
            name: [getattr(link, name) for _, link in links]
            for name in ("student_id", "relation", "rights", "reason")
        }
        columns |= {
            name: [getattr(parent, name) for parent, _ in links] for name in ("school_id", "parent_id")
        }
        await tx.execute(*_INSERT_LINKS.bind_columns(columns))


_READ_GROUP: Mapping[VersionedColumns, Callable[[ParentProjection], object | None]] = {
    PERSON: attrgetter("person"),
    PROGRESS: attrgetter("progress"),
    SENDING: attrgetter("sending"),
    OUTCOME: attrgetter("outcome"),
    ACCOUNT: attrgetter("account"),
}


def _to_columns(group: VersionedColumns, values: Sequence[object | None]) -> dict[str, Sequence[Any]]:
    """Return one sequence per column of the group, with NULL where a projection leaves the group empty."""
    read, empty = _READ_VALUES[group], (None,) * len(group.names)
    rows = [empty if value is None else read(value) for value in values]
    return dict(zip(group.names, zip(*rows, strict=True), strict=True))


def _read_person(person: Person) -> tuple[Any, ...]:
    contacts = to_json([contact._asdict() for contact in person.contacts]).decode()
    search = " ".join([person.name, *(contact.address for contact in person.contacts)]).lower()
    return person.version, person.name, person.language, contacts, search, person.removed


_READ_VALUES: Mapping[VersionedColumns, Callable[[Any], tuple[Any, ...]]] = {
    PERSON: _read_person,
    PROGRESS: attrgetter("version", "state.value", "at", "reason"),
    SENDING: attrgetter("version", "generation", "channel", "contact_id", "expires_at", "at"),
    OUTCOME: attrgetter(
        "generation",
        "stage.value",
        "message_id",
        "version",
        "delivery.value",
        "at",
        "reason",
        "code",
    ),
    ACCOUNT: attrgetter("signed_up_at", "account_id"),
}
