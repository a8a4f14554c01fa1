"""Schema of the roster: schools, students, parents, contacts, links, sibling groups and imports.

Every table has `school_id` first in its primary key, and row-level security by it. Keys and sort keys are compared
bytewise. References between people are checked once per statement by triggers instead of once per row by foreign keys:
an import writes many thousand rows in one transaction.
"""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import (
    ALL_PRIVILEGES,
    RowLevelSecurity,
    create_runtime_tables,
    disable_school_statistics,
    irreversible,
)

revision = "0009"  # the revision of databases that were migrated in nine steps
down_revision = None
branch_labels = None
depends_on = None

CONSUMER_GROUPS = ("roster.on-signup",)
PEOPLE = ("students", "parents", "contacts", "student_parents", "sibling_groups", "taken_apart")

_SCHOOLS = (
    # `country` is ISO 3166 alpha-2, `language` BCP 47, `timezone` IANA. `phone` and `email` are the school's own.
    # Phones get no messages from `quiet_from` until `quiet_until`, local time; equal times mean no quiet hours.
    """
    CREATE TABLE schools (
        school_id uuid CONSTRAINT pk_schools PRIMARY KEY,
        name text NOT NULL,
        country text NOT NULL,
        language text NOT NULL,
        timezone text NOT NULL,
        credentials_mode text NOT NULL
            CONSTRAINT ck_schools_credentials_mode CHECK (credentials_mode IN ('self_service', 'issued')),
        invitation_lifetime_days integer NOT NULL,
        reminder_days integer[] NOT NULL,
        phone text,
        email text,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        quiet_from time NOT NULL DEFAULT '20:00',
        quiet_until time NOT NULL DEFAULT '08:00'
    )
    """,
    # Numbers of people in each school, kept by the triggers on `students` and `parents`.
    """
    CREATE TABLE school_counts (
        school_id uuid CONSTRAINT pk_school_counts PRIMARY KEY,
        students bigint NOT NULL DEFAULT 0,
        parents bigint NOT NULL DEFAULT 0
    )
    """,
)
_STUDENTS = (
    # `name_key` and `match_key` find a student whom a file names without a number; `sort_key` orders the list.
    """
    CREATE TABLE students (
        school_id uuid NOT NULL,
        student_id uuid NOT NULL,
        name text NOT NULL,
        first_name text,
        last_name text,
        number text,
        class_name text,
        birth_date date,
        name_key text COLLATE "C" NOT NULL,
        match_key text COLLATE "C",
        sort_key text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_students PRIMARY KEY (school_id, student_id)
    )
    """,
    "CREATE UNIQUE INDEX uq_students_number ON students (school_id, number) WHERE number IS NOT NULL",
    "CREATE INDEX ix_students_name_key ON students (school_id, name_key)",
    "CREATE INDEX ix_students_match_key ON students (school_id, match_key) WHERE match_key IS NOT NULL",
    "CREATE INDEX ix_students_sort_key ON students (school_id, sort_key, student_id)",
)
_PARENTS = (
    # Parent records. `names` has one or two names; `family_key` is the phone number with the e-mail address by which
    # a school's one record for a family is found.
    """
    CREATE TABLE parents (
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        name text NOT NULL,
        names text[] NOT NULL,
        language text,
        family_key text COLLATE "C",
        sort_key text COLLATE "C" NOT NULL,
        signed_up_at timestamptz,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_parents PRIMARY KEY (school_id, parent_id)
    )
    """,
    "CREATE UNIQUE INDEX uq_parents_family_key ON parents (school_id, family_key) WHERE family_key IS NOT NULL",
    "CREATE INDEX ix_parents_sort_key ON parents (school_id, sort_key, parent_id)",
    # Contacts of parents. `key` is the address as it is compared.
    """
    CREATE TABLE contacts (
        school_id uuid NOT NULL,
        contact_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        kind text NOT NULL CONSTRAINT ck_contacts_kind CHECK (kind IN ('email', 'phone')),
        address text NOT NULL,
        key text COLLATE "C" NOT NULL,
        preferred boolean NOT NULL,
        verified boolean NOT NULL,
        CONSTRAINT pk_contacts PRIMARY KEY (school_id, parent_id, contact_id)
    )
    """,
    "CREATE INDEX ix_contacts_key ON contacts (school_id, key)",
)
_LINKS = (
    # Access of parents to students. `sibling_group_id` names the group that gave the access, if one did.
    """
    CREATE TABLE student_parents (
        school_id uuid NOT NULL,
        student_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        relation text,
        rights text NOT NULL CONSTRAINT ck_student_parents_rights CHECK (rights IN ('full', 'none')),
        reason text NOT NULL,
        sibling_group_id uuid,
        linked_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_student_parents PRIMARY KEY (school_id, student_id, parent_id)
    )
    """,
    "CREATE INDEX ix_student_parents_parent_id ON student_parents (school_id, parent_id)",
    """
    CREATE TABLE sibling_groups (
        school_id uuid NOT NULL CONSTRAINT fk_sibling_groups_schools REFERENCES schools,
        sibling_group_id uuid NOT NULL,
        parent_ids uuid[] NOT NULL,
        student_ids uuid[] NOT NULL,
        reason text NOT NULL,
        automatic boolean NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_sibling_groups PRIMARY KEY (school_id, sibling_group_id)
    )
    """,
    "CREATE INDEX ix_sibling_groups_parent_ids ON sibling_groups USING gin (parent_ids)",
    "CREATE INDEX ix_sibling_groups_student_ids ON sibling_groups USING gin (student_ids)",
    # Pairs that staff unlinked: no rule links them again.
    """
    CREATE TABLE taken_apart (
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        student_id uuid NOT NULL,
        taken_apart_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_taken_apart PRIMARY KEY (school_id, parent_id, student_id),
        CONSTRAINT fk_taken_apart_parents FOREIGN KEY (school_id, parent_id) REFERENCES parents ON DELETE CASCADE,
        CONSTRAINT fk_taken_apart_students FOREIGN KEY (school_id, student_id) REFERENCES students ON DELETE CASCADE
    )
    """,
)
_IMPORTS = (
    # `claims` counts the workers that have claimed the import; the last one processes it until `claimed_until`.
    """
    CREATE TABLE imports (
        school_id uuid NOT NULL CONSTRAINT fk_imports_schools REFERENCES schools,
        import_id uuid NOT NULL,
        state text NOT NULL CONSTRAINT ck_imports_state
            CHECK (state IN ('validating', 'preview', 'applying', 'applied', 'refused', 'failed')),
        dry_run boolean NOT NULL,
        skip_bad_rows boolean NOT NULL,
        filename text NOT NULL,
        size_bytes bigint NOT NULL,
        counts jsonb NOT NULL DEFAULT '{}',
        ignored_columns text[] NOT NULL DEFAULT '{}',
        failure text,
        actor text,
        traceparent text,
        claims integer NOT NULL DEFAULT 0,
        claimed_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        CONSTRAINT pk_imports PRIMARY KEY (school_id, import_id)
    )
    """,
    "CREATE INDEX ix_imports_due ON imports (created_at) WHERE state IN ('validating', 'applying')",
    # The uploaded file in pieces, until the import ends.
    """
    CREATE TABLE import_chunks (
        school_id uuid NOT NULL,
        import_id uuid NOT NULL,
        position integer NOT NULL,
        data bytea NOT NULL,
        CONSTRAINT pk_import_chunks PRIMARY KEY (school_id, import_id, position),
        CONSTRAINT fk_import_chunks_imports FOREIGN KEY (school_id, import_id) REFERENCES imports ON DELETE CASCADE
    )
    """,
    # Parsed rows by the batch, until the import ends. `rows` are their numbers in the file, `skipped` those not to
    # apply, `entries` a JSON array with one element per row. `numbers` and `name_keys` are the students', row by row.
    """
    CREATE TABLE import_batches (
        school_id uuid NOT NULL,
        import_id uuid NOT NULL,
        position integer NOT NULL,
        rows integer[] NOT NULL,
        skipped integer[] NOT NULL DEFAULT '{}',
        numbers text[] COLLATE "C",
        name_keys text[] COLLATE "C",
        entries text NOT NULL,
        CONSTRAINT pk_import_batches PRIMARY KEY (school_id, import_id, position),
        CONSTRAINT fk_import_batches_imports FOREIGN KEY (school_id, import_id) REFERENCES imports ON DELETE CASCADE
    )
    """,
    # Errors of rows, or of the file as a whole (row 0), for the report.
    """
    CREATE TABLE import_errors (
        school_id uuid NOT NULL,
        import_id uuid NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        row integer NOT NULL,
        "column" text NOT NULL,
        value text NOT NULL,
        code text NOT NULL,
        message text NOT NULL,
        CONSTRAINT pk_import_errors PRIMARY KEY (school_id, import_id, row, position),
        CONSTRAINT fk_import_errors_imports FOREIGN KEY (school_id, import_id) REFERENCES imports ON DELETE CASCADE
    )
    """,
)
# Steps of the triggers on tables of people. First, whoever adds or removes people locks the row of their school until
# the transaction ends, so that nobody removes what another transaction is just referring to. Use cases hold that lock
# already, and taking it again costs next to nothing.
_LOCK_SCHOOL = """
    PERFORM FROM schools WHERE school_id IN (SELECT DISTINCT school_id FROM {touched})
      ORDER BY school_id FOR NO KEY UPDATE;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < (SELECT count(DISTINCT school_id) FROM {touched}) THEN
        RAISE foreign_key_violation USING MESSAGE = format('%s of a school that does not exist', TG_TABLE_NAME);
    END IF;
"""
# Inserted rows refer to people who exist.
_CHECK_REFERENCE = """
    IF EXISTS (SELECT FROM written w WHERE NOT EXISTS (
        SELECT FROM {people} p WHERE p.school_id = w.school_id AND p.{column} = w.{column})) THEN
        RAISE foreign_key_violation USING MESSAGE = format('%s of {people} that do not exist', TG_TABLE_NAME);
    END IF;
"""
_COUNT_PEOPLE = """
    INSERT INTO school_counts AS kept (school_id, {people})
    SELECT school_id, {sign}count(*) FROM {touched} GROUP BY school_id
    ON CONFLICT (school_id) DO UPDATE SET {people} = kept.{people} + excluded.{people};
"""
# Contacts and links are deleted with the people to whom they belong.
_DELETE_DEPENDENT = """
    DELETE FROM {table} t USING gone WHERE t.school_id = gone.school_id AND t.{column} = gone.{column};
"""
_REFUSE_MOVING = """
        CREATE FUNCTION refuse_moving() RETURNS trigger LANGUAGE plpgsql AS $refuse$ BEGIN
            RAISE foreign_key_violation USING MESSAGE = format('a row of %s keeps its key', TG_TABLE_NAME);
        END $refuse$
"""
_ON_DELETE_SCHOOLS = (
    """
        CREATE FUNCTION on_delete_schools() RETURNS trigger LANGUAGE plpgsql SET search_path = roster, pg_temp
        AS $steps$ BEGIN
            IF EXISTS (SELECT FROM school_counts JOIN gone USING (school_id) WHERE students > 0 OR parents > 0) THEN
                RAISE foreign_key_violation USING MESSAGE = 'a school with people in it stays';
            END IF;
            DELETE FROM school_counts USING gone WHERE school_counts.school_id = gone.school_id;
            RETURN NULL;
        END $steps$
    """,
    """
    CREATE TRIGGER on_delete_schools AFTER DELETE ON schools REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION on_delete_schools()
    """,
)


def upgrade() -> None:
    """Create the runtime's tables, the roster's tables and triggers, and the privileges of both roles."""
    create_runtime_tables(op, CONSUMER_GROUPS)
    for statement in (*_SCHOOLS, *_STUDENTS, *_PARENTS, *_LINKS, *_IMPORTS):
        op.execute(statement)
    _create_triggers()
    _grant_privileges()
    disable_school_statistics(op, "roster", PEOPLE)


downgrade = irreversible


def _grant_privileges() -> None:
    security = RowLevelSecurity(op, "roster")
    security.grant_runtime_tables()
    for table in PEOPLE:
        security.protect(table, api=ALL_PRIVILEGES)
    for table in ("schools", "school_counts", "imports"):
        security.protect(table, api="SELECT, INSERT, UPDATE")
    security.protect("import_chunks", api="INSERT")
    for table in ("import_batches", "import_errors"):
        security.protect(table, api="SELECT")


def _create_triggers() -> None:
    parents_exist = _CHECK_REFERENCE.format(people="parents", column="parent_id")
    students_exist = _CHECK_REFERENCE.format(people="students", column="student_id")
    _run_after("INSERT", "contacts", _LOCK_SCHOOL, parents_exist)
    _run_after("INSERT", "student_parents", _LOCK_SCHOOL, parents_exist, students_exist)
    _count_people("parents", "parent_id", dependent_tables=("contacts", "student_parents"))
    _count_people("students", "student_id", dependent_tables=("student_parents",))
    op.execute(_REFUSE_MOVING)
    _refuse_moving("parents", "school_id", "parent_id")
    _refuse_moving("students", "school_id", "student_id")
    _refuse_moving("contacts", "school_id", "parent_id")
    _refuse_moving("student_parents", "school_id", "student_id", "parent_id")
    for statement in _ON_DELETE_SCHOOLS:
        op.execute(statement)


def _count_people(people: str, column: str, *, dependent_tables: tuple[str, ...]) -> None:
    """Count added and removed people, and delete from the dependent tables what belonged to removed ones."""
    count_added = _COUNT_PEOPLE.replace("{people}", people).replace("{sign}", "")
    count_removed = _COUNT_PEOPLE.replace("{people}", people).replace("{sign}", "-")
    deletions = [_DELETE_DEPENDENT.format(table=table, column=column) for table in dependent_tables]
    _run_after("INSERT", people, _LOCK_SCHOOL, count_added)
    _run_after("DELETE", people, _LOCK_SCHOOL, *deletions, count_removed)


def _run_after(event: str, table: str, *steps: str) -> None:
    """Run the steps once per statement after rows were inserted (`written`) or deleted (`gone`)."""
    rows, touched = ("NEW", "written") if event == "INSERT" else ("OLD", "gone")
    name = f"on_{event.lower()}_{table}"
    body = "".join(steps).replace("{touched}", touched)
    op.execute(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = roster, pg_temp
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $steps$ DECLARE held bigint; BEGIN {body} RETURN NULL; END $steps$
        """
    )
    op.execute(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS {touched} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def _refuse_moving(table: str, *columns: str) -> None:
    """Refuse updates of these columns: no row gets another key, or belongs to somebody else."""
    is_moved = " OR ".join(f"old.{column} <> new.{column}" for column in columns)
    op.execute(
        f"CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({is_moved}) EXECUTE FUNCTION refuse_moving()"
    )
