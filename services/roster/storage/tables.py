"""How rows get into the tables of people: one statement per table, however many rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import TextClause, text


@dataclass(frozen=True, slots=True)
class Table:
    """How rows get into a table. Most are new, and then nothing has to be made ready for a conflict."""

    insert: TextClause
    upsert: TextClause

    @classmethod
    def of(cls, name: str, key: str, types: dict[str, str], changing: str) -> Table:
        """`types` of the columns besides `school_id`; `key` with it is the primary key; `changing` may change."""
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        insert = (
            f"INSERT INTO {name} (school_id, {', '.join(types)}) "
            f"SELECT :school_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({columns})"
        )
        changes = ", ".join(f"{column} = excluded.{column}" for column in changing.split())
        return cls(text(insert), text(f"{insert} ON CONFLICT (school_id, {key}) DO UPDATE SET {changes}"))


_TEXTS = dict.fromkeys(("name", "first_name", "last_name", "number", "class_name"), "text")
STUDENTS = Table.of(
    "students",
    "student_id",
    {
        "student_id": "uuid",
        **_TEXTS,
        "birth_date": "date",
        **dict.fromkeys(("name_key", "match_key", "sort_key"), "text"),
        "version": "bigint",
    },
    "name first_name last_name number class_name birth_date name_key match_key sort_key version",
)
PARENTS = Table.of(
    "parents",
    "parent_id",
    {
        "parent_id": "uuid",
        "name": "text",
        "names": "text[]",
        **dict.fromkeys(("language", "family_key", "sort_key"), "text"),
        "version": "bigint",
    },
    "name names language family_key sort_key version",
)
CONTACTS = Table.of(
    "contacts",
    "parent_id, contact_id",
    {
        "contact_id": "uuid",
        "parent_id": "uuid",
        **dict.fromkeys(("kind", "address", "key"), "text"),
        **dict.fromkeys(("preferred", "verified"), "boolean"),
    },
    "address key preferred verified",
)
LINKS = Table.of(
    "student_parents",
    "student_id, parent_id",
    {
        "student_id": "uuid",
        "parent_id": "uuid",
        **dict.fromkeys(("relation", "rights", "reason"), "text"),
        "sibling_group_id": "uuid",
    },
    "relation rights reason sibling_group_id",
)
GROUPS = Table.of(
    "sibling_groups",
    "sibling_group_id",
    {
        "sibling_group_id": "uuid",
        **dict.fromkeys(("parent_ids", "student_ids"), "uuid[]"),
        "reason": "text",
        "automatic": "boolean",
        "version": "bigint",
    },
    "parent_ids student_ids version",
)
