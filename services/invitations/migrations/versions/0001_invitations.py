"""Invitations, the copies of schools and parents they need, and bulk runs."""

from alembic import op

from shared.runtime.migrations import irreversible
from shared.runtime.migrations.stepwise import create_first_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE schools (
        school_id uuid CONSTRAINT pk_schools PRIMARY KEY,
        version bigint NOT NULL,
        name text NOT NULL,
        language text NOT NULL,
        timezone text NOT NULL,
        credentials_mode text NOT NULL,
        invitation_lifetime_days integer NOT NULL,
        reminder_days integer[] NOT NULL
    )
    """,
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
        CONSTRAINT uq_invitations_parent_id UNIQUE (school_id, parent_id)
    ) WITH (fillfactor = 85)
    """,
    """
    CREATE INDEX ix_invitations_expires_at ON invitations (expires_at)
     WHERE status IN ('awaiting_verification', 'invited')
    """,
    """
    CREATE INDEX ix_invitations_next_reminder_at ON invitations (next_reminder_at)
     WHERE next_reminder_at IS NOT NULL
    """,
    "CREATE INDEX ix_invitations_parent ON invitations (parent_id)",
    """
    CREATE TABLE contact_usages (
        parent_id uuid NOT NULL,
        contact_id uuid NOT NULL,
        school_id uuid NOT NULL,
        address_digest text NOT NULL,
        messages integer NOT NULL,
        verified_at timestamptz,
        CONSTRAINT pk_contact_usages PRIMARY KEY (parent_id, contact_id)
    )
    """,
    """
    CREATE TABLE invitation_events (
        event_id uuid CONSTRAINT pk_invitation_events PRIMARY KEY,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        happened_at timestamptz NOT NULL,
        event text NOT NULL,
        detail text,
        actor text
    )
    """,
    "CREATE INDEX ix_invitation_events_parent_id ON invitation_events (parent_id, event_id)",
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
        CONSTRAINT uq_bulk_runs_idempotency_key UNIQUE (school_id, idempotency_key)
    )
    """,
    "CREATE INDEX ix_bulk_runs_open ON bulk_runs (bulk_id) WHERE state IN ('selecting', 'running')",
    "CREATE INDEX ix_bulk_runs_school_id ON bulk_runs (school_id, bulk_id)",
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
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX ix_bulk_items_pending ON bulk_items (bulk_id, parent_id) WHERE state = 'pending'",
    """
    CREATE INDEX ix_bulk_items_outstanding ON bulk_items (bulk_id)
     WHERE state = 'messaged' AND NOT has_outcome
    """,
    "CREATE INDEX ix_bulk_items_message_id ON bulk_items (message_id) WHERE message_id IS NOT NULL",
)


def upgrade() -> None:
    create_first_runtime_tables(op)
    for statement in STATEMENTS:
        op.execute(statement)


downgrade = irreversible
