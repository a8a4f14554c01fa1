"""Reports of providers about messages they took over, and recipients who want no more."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE messages ADD COLUMN provider_id text",
    "ALTER TABLE messages DROP CONSTRAINT ck_messages_state, DROP CONSTRAINT ck_messages_due_at",
    """
    ALTER TABLE messages
        ADD CONSTRAINT ck_messages_state CHECK (state IN (
            'queued', 'sending', 'failed_temporary', 'sent', 'delivered', 'failed_permanent', 'unknown')),
        ADD CONSTRAINT ck_messages_due_at CHECK (
            (due_at IS NULL) = (state IN ('sent', 'delivered', 'failed_permanent', 'unknown')))
    """,
    "CREATE INDEX ix_messages_number ON messages (address, channel) WHERE channel IN ('sms', 'whatsapp')",
    """
    CREATE TABLE reports (
        provider_id text CONSTRAINT pk_reports PRIMARY KEY,
        message_id uuid NOT NULL,
        word text NOT NULL CONSTRAINT ck_reports_word CHECK (word IN ('taken', 'delivered', 'failed')),
        rank integer NOT NULL,
        code integer,
        applied boolean NOT NULL DEFAULT false,
        heard_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_reports_message_id ON reports (message_id)",
    "CREATE INDEX ix_reports_waiting ON reports (message_id) WHERE NOT applied",
    """
    CREATE TABLE suppressions (
        channel text NOT NULL,
        address text NOT NULL,
        since timestamptz NOT NULL DEFAULT now(),
        lifted_at timestamptz,
        announced boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_suppressions PRIMARY KEY (channel, address)
    )
    """,
    "CREATE INDEX ix_suppressions_unannounced ON suppressions (channel, address) WHERE NOT announced",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    tenancy = RowLevelSecurity(op, "notifier")
    # Of no school: a report names a message, and a number is stopped for everybody.
    for table in ("reports", "suppressions"):
        tenancy.grant(table, api="SELECT, INSERT, UPDATE")


downgrade = irreversible
