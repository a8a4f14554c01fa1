"""Schema of the roster as SQLAlchemy metadata. The migrations create it; a test compares the two.

Every primary key begins with the school, and so do the indexes: rows of one school are read together, and the database
keeps schools apart by row-level security. Keys and sort keys are compared bytewise (collation "C").

References between people are not foreign keys: the database checks them once per statement, by triggers that the first
migration describes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Time,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
_BYTEWISE = Text(collation="C")
_MOMENT = DateTime(timezone=True)


def _required(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


def _created_at(name: str = "created_at") -> Column[Any]:
    return _required(name, _MOMENT, server_default=func.now())


SCHOOLS = Table(
    "schools",
    metadata,
    _required("school_id", Uuid),
    _required("name", Text),
    _required("country", Text),
    _required("language", Text),
    _required("timezone", Text),
    _required("credentials_mode", Text),
    _required("invitation_lifetime_days", Integer),
    _required("reminder_days", ARRAY(Integer)),
    Column("phone", Text),
    Column("email", Text),
    _required("version", BigInteger),
    _created_at(),
    _required("quiet_from", Time, server_default=text("'20:00'")),
    _required("quiet_until", Time, server_default=text("'08:00'")),
    PrimaryKeyConstraint("school_id", name="pk_schools"),
    CheckConstraint("credentials_mode IN ('self_service', 'issued')", name="ck_schools_credentials_mode"),
)
# Numbers of people in each school, kept by triggers.
SCHOOL_COUNTS = Table(
    "school_counts",
    metadata,
    _required("school_id", Uuid),
    _required("students", BigInteger, server_default=text("0")),
    _required("parents", BigInteger, server_default=text("0")),
    PrimaryKeyConstraint("school_id", name="pk_school_counts"),
)
# `name_key` and `match_key` find a student that a file names without a number; `sort_key` orders the list.
STUDENTS = Table(
    "students",
    metadata,
    _required("school_id", Uuid),
    _required("student_id", Uuid),
    _required("name", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("number", Text),
    Column("class_name", Text),
    Column("birth_date", Date),
    _required("name_key", _BYTEWISE),
    Column("match_key", _BYTEWISE),
    _required("sort_key", _BYTEWISE),
    _required("version", BigInteger),
    _created_at(),
    PrimaryKeyConstraint("school_id", "student_id", name="pk_students"),
    Index(
        "uq_students_number",
        "school_id",
        "number",
        unique=True,
        postgresql_where=text("number IS NOT NULL"),
    ),
    Index("ix_students_name_key", "school_id", "name_key"),
    Index(
        "ix_students_match_key",
        "school_id",
        "match_key",
        postgresql_where=text("match_key IS NOT NULL"),
    ),
    Index("ix_students_sort_key", "school_id", "sort_key", "student_id"),
)
# `family_key` is the phone number and the e-mail address of the one record that is found by them.
PARENTS = Table(
    "parents",
    metadata,
    _required("school_id", Uuid),
    _required("parent_id", Uuid),
    _required("name", Text),
    _required("names", ARRAY(Text)),
    Column("language", Text),
    Column("family_key", _BYTEWISE),
    _required("sort_key", _BYTEWISE),
    Column("signed_up_at", _MOMENT),
    _required("version", BigInteger),
    _created_at(),
    PrimaryKeyConstraint("school_id", "parent_id", name="pk_parents"),
    Index(
        "uq_parents_family_key",
        "school_id",
        "family_key",
        unique=True,
        postgresql_where=text("family_key IS NOT NULL"),
    ),
    Index("ix_parents_sort_key", "school_id", "sort_key", "parent_id"),
)
# `key` is the address without case, as addresses are compared.
CONTACTS = Table(
    "contacts",
    metadata,
    _required("school_id", Uuid),
    _required("contact_id", Uuid),
    _required("parent_id", Uuid),
    _required("kind", Text),
    _required("address", Text),
    _required("key", _BYTEWISE),
    _required("preferred", Boolean),
    _required("verified", Boolean),
    PrimaryKeyConstraint("school_id", "parent_id", "contact_id", name="pk_contacts"),
    CheckConstraint("kind IN ('email', 'phone')", name="ck_contacts_kind"),
    Index("ix_contacts_key", "school_id", "key"),
)
# Access of parents to students. `sibling_group_id` is set where a sibling group gave it.
STUDENT_PARENTS = Table(
    "student_parents",
    metadata,
    _required("school_id", Uuid),
    _required("student_id", Uuid),
    _required("parent_id", Uuid),
    Column("relation", Text),
    _required("rights", Text),
    _required("reason", Text),
    Column("sibling_group_id", Uuid),
    _created_at("linked_at"),
    PrimaryKeyConstraint("school_id", "student_id", "parent_id", name="pk_student_parents"),
    CheckConstraint("rights IN ('full', 'none')", name="ck_student_parents_rights"),
    Index("ix_student_parents_parent_id", "school_id", "parent_id"),
)
SIBLING_GROUPS = Table(
    "sibling_groups",
    metadata,
    _required("school_id", Uuid),
    _required("sibling_group_id", Uuid),
    _required("parent_ids", ARRAY(Uuid)),
    _required("student_ids", ARRAY(Uuid)),
    _required("reason", Text),
    _required("automatic", Boolean),
    _required("version", BigInteger),
    _created_at(),
    PrimaryKeyConstraint("school_id", "sibling_group_id", name="pk_sibling_groups"),
    ForeignKeyConstraint(["school_id"], ["schools.school_id"], name="fk_sibling_groups_schools"),
    Index("ix_sibling_groups_parent_ids", "parent_ids", postgresql_using="gin"),
    Index("ix_sibling_groups_student_ids", "student_ids", postgresql_using="gin"),
)
# Pairs that staff unlinked: no rule links them again.
TAKEN_APART = Table(
    "taken_apart",
    metadata,
    _required("school_id", Uuid),
    _required("parent_id", Uuid),
    _required("student_id", Uuid),
    _created_at("taken_apart_at"),
    PrimaryKeyConstraint("school_id", "parent_id", "student_id", name="pk_taken_apart"),
    ForeignKeyConstraint(
        ["school_id", "parent_id"],
        ["parents.school_id", "parents.parent_id"],
        name="fk_taken_apart_parents",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["school_id", "student_id"],
        ["students.school_id", "students.student_id"],
        name="fk_taken_apart_students",
        ondelete="CASCADE",
    ),
)
# `claims` counts the workers that have taken an import up; the last one owns it until `claimed_until`.
IMPORTS = Table(
    "imports",
    metadata,
    _required("school_id", Uuid),
    _required("import_id", Uuid),
    _required("state", Text),
    _required("dry_run", Boolean),
    _required("skip_bad_rows", Boolean),
    _required("filename", Text),
    _required("size_bytes", BigInteger),
    _required("counts", JSONB, server_default=text("'{}'")),
    _required("ignored_columns", ARRAY(Text), server_default=text("'{}'")),
    Column("failure", Text),
    Column("actor", Text),
    Column("traceparent", Text),
    _required("claims", Integer, server_default=text("0")),
    Column("claimed_until", _MOMENT),
    _created_at(),
    Column("finished_at", _MOMENT),
    PrimaryKeyConstraint("school_id", "import_id", name="pk_imports"),
    ForeignKeyConstraint(["school_id"], ["schools.school_id"], name="fk_imports_schools"),
    CheckConstraint(
        "state IN ('validating', 'preview', 'applying', 'applied', 'refused', 'failed')",
        name="ck_imports_state",
    ),
    Index("ix_imports_due", "created_at", postgresql_where=text("state IN ('validating', 'applying')")),
)


def _imports_key(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["school_id", "import_id"],
        ["imports.school_id", "imports.import_id"],
        name=name,
        ondelete="CASCADE",
    )


# The uploaded file in pieces.
IMPORT_CHUNKS = Table(
    "import_chunks",
    metadata,
    _required("school_id", Uuid),
    _required("import_id", Uuid),
    _required("position", Integer),
    _required("data", LargeBinary),
    PrimaryKeyConstraint("school_id", "import_id", "position", name="pk_import_chunks"),
    _imports_key("fk_import_chunks_imports"),
)
# Parsed rows by the batch. `rows` are their numbers in the file, `skipped` those not to apply; `entries` is a JSON
# array with one element per row. `numbers` and `name_keys` are the students', row by row, where the file has numbers.
IMPORT_BATCHES = Table(
    "import_batches",
    metadata,
    _required("school_id", Uuid),
    _required("import_id", Uuid),
    _required("position", Integer),
    _required("rows", ARRAY(Integer)),
    _required("skipped", ARRAY(Integer), server_default=text("'{}'")),
    Column("numbers", ARRAY(_BYTEWISE)),
    Column("name_keys", ARRAY(_BYTEWISE)),
    _required("entries", Text),
    PrimaryKeyConstraint("school_id", "import_id", "position", name="pk_import_batches"),
    _imports_key("fk_import_batches_imports"),
)
IMPORT_ERRORS = Table(
    "import_errors",
    metadata,
    _required("school_id", Uuid),
    _required("import_id", Uuid),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    _required("row", Integer),
    _required("column", Text),
    _required("value", Text),
    _required("code", Text),
    _required("message", Text),
    PrimaryKeyConstraint("school_id", "import_id", "row", "position", name="pk_import_errors"),
    _imports_key("fk_import_errors_imports"),
)
