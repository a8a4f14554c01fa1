"""The roster: schools, pupils, parents, contacts, links, sibling groups, imports."""

from alembic import op

from shared.runtime.migrations import irreversible
from shared.runtime.migrations.stepwise import create_first_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
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
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE students (
        school_id uuid NOT NULL CONSTRAINT fk_students_schools REFERENCES schools,
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
    """
    CREATE TABLE parents (
        school_id uuid NOT NULL CONSTRAINT fk_parents_schools REFERENCES schools,
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
    "CREATE INDEX ix_parents_parent_id ON parents (parent_id)",
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
        CONSTRAINT pk_contacts PRIMARY KEY (school_id, contact_id),
        CONSTRAINT fk_contacts_parents FOREIGN KEY (school_id, parent_id) REFERENCES parents ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_contacts_parent_id ON contacts (school_id, parent_id)",
    "CREATE INDEX ix_contacts_key ON contacts (school_id, key)",
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
        CONSTRAINT pk_student_parents PRIMARY KEY (school_id, student_id, parent_id),
        CONSTRAINT fk_student_parents_students
            FOREIGN KEY (school_id, student_id) REFERENCES students ON DELETE CASCADE,
        CONSTRAINT fk_student_parents_parents FOREIGN KEY (school_id, parent_id) REFERENCES parents ON DELETE CASCADE
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
    """
    CREATE TABLE import_rows (
        school_id uuid NOT NULL,
        import_id uuid NOT NULL,
        row integer NOT NULL,
        number text COLLATE "C",
        name_key text COLLATE "C" NOT NULL,
        entry jsonb NOT NULL,
        CONSTRAINT pk_import_rows PRIMARY KEY (school_id, import_id, row),
        CONSTRAINT fk_import_rows_imports FOREIGN KEY (school_id, import_id) REFERENCES imports ON DELETE CASCADE
    )
    """,
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


def upgrade() -> None:
    create_first_runtime_tables(op)
    for statement in _STATEMENTS:
        op.execute(statement)


downgrade = irreversible
