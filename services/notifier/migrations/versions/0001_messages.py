"""Messages and their attempts."""

from alembic import op

from shared.runtime.migrations import irreversible
from shared.runtime.migrations.stepwise import create_first_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE messages (
        message_id uuid CONSTRAINT pk_messages PRIMARY KEY,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        invitation_id uuid NOT NULL,
        generation integer NOT NULL,
        channel text NOT NULL,
        lane text NOT NULL CONSTRAINT ck_messages_lane CHECK (lane IN ('single', 'bulk')),
        template text NOT NULL,
        address text NOT NULL,
        name text NOT NULL,
        language text NOT NULL,
        school_name text NOT NULL,
        timezone text NOT NULL,
        token_key_id text NOT NULL,
        expires_at timestamptz NOT NULL,
        traceparent text,
        state text NOT NULL CONSTRAINT ck_messages_state CHECK (
            state IN ('queued', 'sending', 'failed_temporary', 'sent', 'failed_permanent', 'unknown')),
        due_at timestamptz,
        locked_until timestamptz,
        fence integer NOT NULL DEFAULT 0,
        attempts integer NOT NULL DEFAULT 0,
        ambiguous integer NOT NULL DEFAULT 0,
        announced boolean NOT NULL DEFAULT false,
        interrupted boolean NOT NULL DEFAULT false,
        version bigint NOT NULL DEFAULT 0,
        code text NOT NULL DEFAULT '',
        reason text NOT NULL DEFAULT '',
        queued_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        CONSTRAINT ck_messages_due_at CHECK ((due_at IS NULL) = (state IN ('sent', 'failed_permanent', 'unknown'))),
        CONSTRAINT ck_messages_locked_until CHECK ((locked_until IS NOT NULL) = (state = 'sending'))
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
    """,
    "CREATE INDEX ix_messages_due ON messages (channel, lane, due_at, message_id) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_messages_school ON messages (school_id, queued_at, message_id)",
    "CREATE INDEX ix_messages_parent ON messages (parent_id)",
    """
    CREATE TABLE attempts (
        message_id uuid NOT NULL
            CONSTRAINT fk_attempts_message_id_messages REFERENCES messages ON DELETE CASCADE,
        number integer NOT NULL,
        began_at timestamptz,
        ended_at timestamptz NOT NULL,
        verdict text NOT NULL CONSTRAINT ck_attempts_verdict CHECK (
            verdict IN ('sent', 'refused', 'try_later', 'unavailable', 'unknown', 'interrupted')),
        code text NOT NULL,
        detail text NOT NULL,
        CONSTRAINT pk_attempts PRIMARY KEY (message_id, number)
    )
    """,
)


def upgrade() -> None:
    create_first_runtime_tables(op)
    for statement in _STATEMENTS:
        op.execute(statement)


downgrade = irreversible
