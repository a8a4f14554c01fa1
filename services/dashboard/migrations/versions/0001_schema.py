"""Schema of the dashboard: replicas of roster, the projection of parent records, staff and API tokens.

`services/dashboard/storage/tables.py` describes the same tables as metadata; a test compares the two.
"""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import (
    ALL_PRIVILEGES,
    RowLevelSecurity,
    create_runtime_tables,
    disable_school_statistics,
    irreversible,
    rows_with_all_schools,
)

revision = "0010"
down_revision = None
branch_labels = None
depends_on = None

CONSUMER_GROUPS = (
    "dashboard.on-invitations",
    "dashboard.on-notifier",
    "dashboard.on-roster",
    "dashboard.on-signup",
)

# Schools and students as roster published them, in the newest version. A removed student keeps only its version, so
# that a late older event does not bring it back.
REPLICAS = (
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
    # Students of a parent record; `rights` is what roster allows the parent to see of the student.
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

# One row per parent record. Its columns form groups, each with the rank by which the newer value wins:
#   person    from roster       person_version .. removed, and the rows of `links`
#   progress  from invitations  progress_version .. state_reason
#   sending   from invitations  sending_version .. last_invited_at
#   outcome   from notifier     outcome_generation .. delivery_reason, and delivery_code
#   account   from signup       signed_up_at, account_id
# A row without person_version is a stub: its events arrived before the parent's own. `confirmed` collects the ids of
# confirmed contacts. `status` is the status rule of the product. `standing` is the sort key, 16 times the code of the
# status plus the code of the delivery (domain/status_sort_key.py): never renumber.
PARENTS = (
    """
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
        state text CONSTRAINT ck_parents_state CHECK (state IN (
            'awaiting_verification', 'verified', 'invited', 'accepted',
            'declined', 'expired', 'withdrawn', 'blocked')),
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
        delivery text CONSTRAINT ck_parents_delivery CHECK (delivery IN (
            'queued', 'deferred', 'sent', 'delivered', 'failed_temporary', 'failed_permanent',
            'suppressed', 'unknown', 'printed')),
        delivery_at timestamptz,
        delivery_reason text,
        signed_up_at timestamptz,
        account_id uuid,
        status text NOT NULL GENERATED ALWAYS AS (
            CASE WHEN state = 'blocked' THEN 'blocked' WHEN signed_up_at IS NOT NULL THEN 'signed_up'
                 WHEN state IS NULL THEN 'not_invited' WHEN state = 'verified' THEN 'awaiting_verification'
                 WHEN state = 'accepted' THEN 'invited' ELSE state END
        ) STORED CONSTRAINT ck_parents_status CHECK (status IN (
            'not_invited', 'awaiting_verification', 'invited', 'signed_up',
            'declined', 'expired', 'withdrawn', 'blocked')),
        listed boolean NOT NULL GENERATED ALWAYS AS (person_version IS NOT NULL AND NOT removed) STORED,
        sort_name text NOT NULL GENERATED ALWAYS AS (lower(coalesce(name, ''))) STORED,
        confirmed uuid[] NOT NULL DEFAULT '{}',
        delivery_code text,
        standing smallint NOT NULL GENERATED ALWAYS AS (
            16 * CASE WHEN state = 'blocked' THEN 7
                      WHEN signed_up_at IS NOT NULL THEN 3
                      ELSE CASE state WHEN 'awaiting_verification' THEN 1 WHEN 'verified' THEN 1
                                      WHEN 'invited' THEN 2 WHEN 'accepted' THEN 2
                                      WHEN 'declined' THEN 4 WHEN 'expired' THEN 5 WHEN 'withdrawn' THEN 6
                                      ELSE 0 END END
            + CASE delivery WHEN 'queued' THEN 1 WHEN 'deferred' THEN 2 WHEN 'sent' THEN 3
                            WHEN 'delivered' THEN 4 WHEN 'failed_temporary' THEN 5
                            WHEN 'failed_permanent' THEN 6 WHEN 'suppressed' THEN 7
                            WHEN 'unknown' THEN 8 WHEN 'printed' THEN 9 ELSE 0 END
        ) STORED,
        CONSTRAINT pk_parents PRIMARY KEY (school_id, parent_id)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX ix_parents_standing ON parents (school_id, standing, sort_name, parent_id) WHERE listed",
    # One row per event about a parent record, without personal data.
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
    # The newest STOP or START of an address of a parent on a channel.
    """
    CREATE TABLE opt_outs (
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        channel text NOT NULL,
        address_digest text NOT NULL,
        version bigint NOT NULL,
        opted_out boolean NOT NULL,
        CONSTRAINT pk_opt_outs PRIMARY KEY (school_id, parent_id, channel, address_digest)
    )
    """,
)

# Accounts of staff. An ended account keeps its e-mail address, so that past actions keep their name. A role without a
# school holds in every school that has no role of its own.
STAFF = (
    """
    CREATE TABLE staff (
        staff_id uuid CONSTRAINT pk_staff PRIMARY KEY,
        email text NOT NULL CONSTRAINT uq_staff_email UNIQUE,
        password_hash text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz
    )
    """,
    """
    CREATE TABLE staff_roles (
        staff_id uuid NOT NULL CONSTRAINT fk_staff_roles_staff REFERENCES staff ON DELETE CASCADE,
        school_id uuid,
        role text NOT NULL CONSTRAINT ck_staff_roles_role
            CHECK (role IN ('owner', 'admin', 'viewer', 'front_desk')),
        CONSTRAINT uq_staff_roles_staff_id UNIQUE NULLS NOT DISTINCT (staff_id, school_id)
    )
    """,
    # Sessions by the digest of the id that only the browser holds.
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
    # Counts of sign-in attempts per rate limit; the key is a digest.
    """
    CREATE TABLE wrong_passwords (
        key text CONSTRAINT pk_wrong_passwords PRIMARY KEY,
        window_start timestamptz NOT NULL,
        failures integer NOT NULL
    )
    """,
)

# The register of API tokens; the text of a token is not stored. `school_ids` NULL: every school.
TOKENS = (
    """
    CREATE TABLE access_tokens (
        token_id uuid CONSTRAINT pk_access_tokens PRIMARY KEY,
        name text NOT NULL,
        rights text[] NOT NULL,
        school_ids uuid[],
        made_by text NOT NULL,
        made_by_token uuid CONSTRAINT fk_access_tokens_made_by_token REFERENCES access_tokens,
        made_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        revoked_by text
    )
    """,
    "CREATE INDEX ix_access_tokens_made_by_token ON access_tokens (made_by_token)",
)


def upgrade() -> None:
    """Create the runtime's tables and the dashboard's own, with the privileges of both roles."""
    create_runtime_tables(op, CONSUMER_GROUPS)
    for statement in (*REPLICAS, *PARENTS, *STAFF, *TOKENS):
        op.execute(statement)

    security = RowLevelSecurity(op, "dashboard")
    security.grant_runtime_tables()
    for table in ("schools", "students", "links", "parents", "timeline", "opt_outs"):
        security.protect(table)
    security.protect("access_tokens", api="SELECT, INSERT, UPDATE", rows=rows_with_all_schools("school_ids"))
    # Staff belong to no single school; the use cases check what a member may do.
    security.grant("staff", api="SELECT, INSERT, UPDATE")
    for table in ("staff_roles", "staff_sessions", "wrong_passwords"):
        security.grant(table, api=ALL_PRIVILEGES)

    disable_school_statistics(op, "dashboard", ("students", "parents", "links", "timeline", "opt_outs"))


downgrade = irreversible
