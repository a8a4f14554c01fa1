"""The first tables: projection, timeline, staff accounts and their sessions."""

from alembic import op

from shared.runtime.migrations import irreversible
from shared.runtime.migrations.stepwise import create_first_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = (
    "'not_invited','awaiting_verification','invited','signed_up','declined','expired','withdrawn','blocked'"
)
STATES = "'awaiting_verification','verified','invited','accepted','declined','expired','withdrawn','blocked'"
DELIVERIES = (
    "'queued','deferred','sent','delivered','failed_temporary','failed_permanent',"
    "'suppressed','unknown','printed'"
)

DIRECTORY = (
    """
    CREATE TABLE schools (
        school_id uuid CONSTRAINT pk_schools PRIMARY KEY,
        version bigint NOT NULL,
        name text NOT NULL,
        country text NOT NULL,
        language text NOT NULL,
        timezone text NOT NULL,
        invitation_lifetime_days integer NOT NULL
    )
    """,
    """
    CREATE TABLE students (
        school_id uuid NOT NULL,
        student_id uuid NOT NULL,
        version bigint,
        name text,
        number text,
        class_name text,
        removed boolean,
        listed boolean NOT NULL GENERATED ALWAYS AS (version IS NOT NULL AND NOT removed) STORED,
        sort_name text NOT NULL GENERATED ALWAYS AS (lower(coalesce(name, ''))) STORED,
        CONSTRAINT pk_students PRIMARY KEY (school_id, student_id)
    )
    """,
    "CREATE INDEX ix_students_sort ON students (school_id, sort_name, student_id) WHERE listed",
    """
    CREATE TABLE links (
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        student_id uuid NOT NULL,
        relation text,
        rights text NOT NULL CONSTRAINT ck_links_rights CHECK (rights IN ('full', 'none')),
        reason text,
        CONSTRAINT pk_links PRIMARY KEY (school_id, parent_id, student_id)
    )
    """,
    "CREATE INDEX ix_links_student ON links (school_id, student_id, parent_id)",
)

PARENTS = (
    f"""
    CREATE TABLE parents (
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        person_version bigint,
        name text,
        language text,
        contacts jsonb,
        search text,
        removed boolean,
        progress_version bigint,
        state text CONSTRAINT ck_parents_state CHECK (state IN ({STATES})),
        state_at timestamptz,
        state_reason text,
        sending_version bigint,
        generation integer,
        channel text,
        contact_id uuid,
        expires_at timestamptz,
        last_invited_at timestamptz,
        outcome_generation integer,
        outcome_stage integer,
        outcome_message_id uuid,
        outcome_version bigint,
        delivery text CONSTRAINT ck_parents_delivery CHECK (delivery IN ({DELIVERIES})),
        delivery_at timestamptz,
        delivery_reason text,
        signed_up_at timestamptz,
        account_id uuid,
        status text NOT NULL GENERATED ALWAYS AS (
            CASE WHEN state = 'blocked' THEN 'blocked' WHEN signed_up_at IS NOT NULL THEN 'signed_up'
                 WHEN state IS NULL THEN 'not_invited' WHEN state = 'verified' THEN 'awaiting_verification'
                 WHEN state = 'accepted' THEN 'invited' ELSE state END
        ) STORED CONSTRAINT ck_parents_status CHECK (status IN ({STATUSES})),
        listed boolean NOT NULL GENERATED ALWAYS AS (person_version IS NOT NULL AND NOT removed) STORED,
        sort_name text NOT NULL GENERATED ALWAYS AS (lower(coalesce(name, ''))) STORED,
        CONSTRAINT pk_parents PRIMARY KEY (school_id, parent_id)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX ix_parents_sort ON parents (school_id, sort_name, parent_id) WHERE listed",
    "CREATE INDEX ix_parents_status ON parents (school_id, status, sort_name, parent_id) WHERE listed",
    "CREATE INDEX ix_parents_delivery ON parents (school_id, delivery, sort_name, parent_id) WHERE listed",
    """
    CREATE TABLE timeline (
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        aggregate_id uuid NOT NULL,
        version bigint NOT NULL,
        kind text NOT NULL,
        at timestamptz NOT NULL,
        channel text,
        template text,
        reason text,
        actor text,
        CONSTRAINT pk_timeline PRIMARY KEY (school_id, parent_id, aggregate_id, version, kind)
    )
    """,
)

STAFF = (
    """
    CREATE TABLE staff (
        staff_id uuid CONSTRAINT pk_staff PRIMARY KEY,
        email text NOT NULL CONSTRAINT uq_staff_email UNIQUE,
        password_hash text NOT NULL,
        role text NOT NULL CONSTRAINT ck_staff_role
            CHECK (role IN ('owner', 'admin', 'viewer', 'front_desk')),
        school_ids uuid[],
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE staff_sessions (
        digest text CONSTRAINT pk_staff_sessions PRIMARY KEY,
        staff_id uuid NOT NULL CONSTRAINT fk_staff_sessions_staff REFERENCES staff ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_staff_sessions_staff ON staff_sessions (staff_id)",
    "CREATE INDEX ix_staff_sessions_expires_at ON staff_sessions (expires_at)",
    """
    CREATE TABLE wrong_passwords (
        key text CONSTRAINT pk_wrong_passwords PRIMARY KEY,
        window_start timestamptz NOT NULL,
        failures integer NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Create everything; the schema is the service's own."""
    create_first_runtime_tables(op)
    for statement in (*DIRECTORY, *PARENTS, *STAFF):
        op.execute(statement)


downgrade = irreversible
