"""Initial schema of the invitations service, grouped by table.

Column types, constraints and indexes are those of `storage/tables.py`. Beside them this file defines storage
parameters, statistics, and what the two roles of the service may do with each table.
"""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import (
    RowLevelSecurity,
    create_runtime_tables,
    disable_school_statistics,
    irreversible,
)

revision = "0009"
down_revision = None
branch_labels = None
depends_on = None

CONSUMER_GROUPS = ("invitations.on-notifier", "invitations.on-roster", "invitations.on-signup")

# Replicas of the roster. The newest version of a row wins.
REPLICAS = (
    """
    CREATE TABLE schools (
        school_id uuid CONSTRAINT pk_schools PRIMARY KEY,
        version bigint NOT NULL,
        name text NOT NULL,
        language text NOT NULL,
        timezone text NOT NULL,
        credentials_mode text NOT NULL,
        invitation_lifetime_days integer NOT NULL,
        reminder_days integer[] NOT NULL,
        quiet_from time NOT NULL DEFAULT '20:00',
        quiet_until time NOT NULL DEFAULT '08:00'
    )
    """,
    # A removed parent stays as a row without contacts, so that an older event cannot bring the parent back.
    """
    CREATE TABLE parents (
        parent_id uuid CONSTRAINT pk_parents PRIMARY KEY,
        school_id uuid NOT NULL,
        version bigint NOT NULL,
        name text NOT NULL,
        language text,
        contacts jsonb NOT NULL,
        students uuid[] NOT NULL,
        has_access boolean NOT NULL,
        removed boolean NOT NULL
    )
    """,
    "CREATE INDEX ix_parents_school_id ON parents (school_id, parent_id) WHERE NOT removed",
    "CREATE INDEX ix_parents_students ON parents USING gin (students)",
)

# The one invitation of each parent. An update stays on its page, and touches no index, if the page has room and no
# indexed column changes. A bulk run inserts all rows of a page at once and updates them when their delivery reports
# arrive, so half of the page is left free for the new row versions.
INVITATIONS = (
    """
    CREATE TABLE invitations (
        invitation_id uuid CONSTRAINT pk_invitations PRIMARY KEY,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        version bigint NOT NULL,
        status text NOT NULL CONSTRAINT ck_invitations_status CHECK (status IN (
            'awaiting_verification', 'invited', 'signed_up', 'declined', 'expired', 'withdrawn', 'blocked')),
        generation integer NOT NULL CONSTRAINT ck_invitations_generation CHECK (generation > 0),
        purpose text NOT NULL CONSTRAINT ck_invitations_purpose CHECK (purpose IN ('verify', 'join')),
        channel text NOT NULL,
        contact_id uuid NOT NULL,
        address_digest text NOT NULL,
        token_key_id text NOT NULL,
        token_digest text NOT NULL,
        message_id uuid NOT NULL,
        template text NOT NULL,
        delivery text NOT NULL CONSTRAINT ck_invitations_delivery CHECK (delivery IN (
            'queued', 'deferred', 'sent', 'delivered', 'failed_temporary', 'failed_permanent', 'suppressed',
            'unknown', 'printed')),
        first_invited_at timestamptz NOT NULL,
        last_invited_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        last_message_at timestamptz NOT NULL,
        delivery_reason text,
        last_reinvite_at timestamptz,
        next_reminder_at timestamptz,
        accepted_at timestamptz,
        submission_id uuid,
        signed_up_at timestamptz,
        blocked_reason text,
        send_at timestamptz,
        CONSTRAINT uq_invitations_parent_id UNIQUE (parent_id, school_id)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE INDEX ix_invitations_expires_at ON invitations (expires_at)
     WHERE status IN ('awaiting_verification', 'invited')
    """,
    """
    CREATE INDEX ix_invitations_next_reminder_at ON invitations (next_reminder_at)
     WHERE next_reminder_at IS NOT NULL
    """,
    "CREATE INDEX ix_invitations_send_at ON invitations (send_at) WHERE send_at IS NOT NULL",
)

# Rows beside the invitations: use of contacts, timelines, requests that wait for a parent, and opt-outs.
CONTACT_USAGES = """
    CREATE TABLE contact_usages (
        parent_id uuid NOT NULL,
        contact_id uuid NOT NULL,
        school_id uuid NOT NULL,
        address_digest text NOT NULL,
        messages integer NOT NULL,
        verified_at timestamptz,
        CONSTRAINT pk_contact_usages PRIMARY KEY (parent_id, contact_id)
    )
    """
TIMELINES = """
    CREATE TABLE invitation_events (
        event_id uuid NOT NULL,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        happened_at timestamptz NOT NULL,
        event text NOT NULL,
        detail text,
        actor text,
        CONSTRAINT pk_invitation_events PRIMARY KEY (parent_id, event_id)
    )
    """
PENDING_REQUESTS = (
    """
    CREATE TABLE requested_invitations (
        parent_id uuid CONSTRAINT pk_requested_invitations PRIMARY KEY,
        school_id uuid NOT NULL,
        channel text NOT NULL,
        contact_id uuid,
        actor text
    )
    """,
    "CREATE INDEX ix_requested_invitations_school_id ON requested_invitations (school_id)",
)
OPT_OUTS = """
    CREATE TABLE opt_outs (
        parent_id uuid NOT NULL,
        channel text NOT NULL,
        address_digest text NOT NULL,
        school_id uuid NOT NULL,
        version bigint NOT NULL,
        opted_out boolean NOT NULL,
        CONSTRAINT pk_opt_outs PRIMARY KEY (parent_id, channel, address_digest)
    )
    """

# Bulk runs. `sent` counts the messages whose delivery reports are awaited, `bulk_outcomes` the reports that arrived:
# two tables, so that sending and reporting do not wait for each other's locks.
BULK_RUNS = (
    """
    CREATE TABLE bulk_runs (
        bulk_id uuid CONSTRAINT pk_bulk_runs PRIMARY KEY,
        school_id uuid NOT NULL,
        state text NOT NULL CONSTRAINT ck_bulk_runs_state CHECK (state IN (
            'selecting', 'running', 'paused', 'cancelled', 'done')),
        channel text NOT NULL,
        selection jsonb NOT NULL,
        idempotency_key text,
        body_digest text NOT NULL,
        actor text,
        created_at timestamptz NOT NULL,
        not_before timestamptz,
        selected_at timestamptz,
        expanded_at timestamptz,
        finished_at timestamptz,
        not_known_yet integer NOT NULL DEFAULT 0,
        note text,
        sent integer NOT NULL DEFAULT 0,
        expanded_to uuid,
        CONSTRAINT uq_bulk_runs_idempotency_key UNIQUE (school_id, idempotency_key)
    )
    """,
    "CREATE INDEX ix_bulk_runs_open ON bulk_runs (bulk_id) WHERE state IN ('selecting', 'running')",
    "CREATE INDEX ix_bulk_runs_school_id ON bulk_runs (school_id, bulk_id)",
    "CREATE INDEX ix_bulk_runs_expanded_at ON bulk_runs (expanded_at)",
    """
    CREATE TABLE bulk_outcomes (
        bulk_id uuid CONSTRAINT pk_bulk_outcomes PRIMARY KEY,
        school_id uuid NOT NULL,
        outcomes integer NOT NULL
    ) WITH (fillfactor = 50)
    """,
)

# One item per run and parent. Each is updated twice; it has no index but its key, and room on its page for that.
BULK_ITEMS = (
    """
    CREATE TABLE bulk_items (
        bulk_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        school_id uuid NOT NULL,
        state text NOT NULL CONSTRAINT ck_bulk_items_state CHECK (state IN (
            'pending', 'messaged', 'skipped', 'failed')),
        reason text,
        message_id uuid,
        has_outcome boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_bulk_items PRIMARY KEY (bulk_id, parent_id)
    ) WITH (fillfactor = 40)
    """,
    # A run that began after the last ANALYZE is planned like any other, see `disable_school_statistics`.
    "ALTER TABLE bulk_items ALTER COLUMN bulk_id SET STATISTICS 0",
)

TABLES = (
    *REPLICAS,
    *INVITATIONS,
    CONTACT_USAGES,
    TIMELINES,
    *PENDING_REQUESTS,
    OPT_OUTS,
    *BULK_RUNS,
    *BULK_ITEMS,
)
WITHOUT_SCHOOL_STATISTICS = (
    "parents",
    "invitations",
    "contact_usages",
    "requested_invitations",
    "bulk_runs",
    "bulk_items",
)
API_PRIVILEGES = {
    "schools": "SELECT",
    "parents": "SELECT, UPDATE",  # UPDATE to lock the row
    "invitations": "SELECT, INSERT, UPDATE",
    "contact_usages": "SELECT, INSERT, UPDATE",
    "invitation_events": "SELECT, INSERT",
    "requested_invitations": "",
    "opt_outs": "SELECT",
    "bulk_runs": "SELECT, INSERT, UPDATE",
    "bulk_outcomes": "",
    "bulk_items": "SELECT, UPDATE",
}


def upgrade() -> None:
    create_runtime_tables(op, CONSUMER_GROUPS)
    for statement in TABLES:
        op.execute(statement)
    disable_school_statistics(op, "invitations", WITHOUT_SCHOOL_STATISTICS)
    security = RowLevelSecurity(op, "invitations")
    security.grant_runtime_tables()
    for table, privileges in API_PRIVILEGES.items():
        security.protect(table, api=privileges)


downgrade = irreversible
