"""Messages that nobody has reported on are asked about; texts are counted by school and hour."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE messages ADD COLUMN ask_at timestamptz, ADD COLUMN asked integer NOT NULL DEFAULT 0",
    "CREATE INDEX ix_messages_ask_at ON messages (channel, ask_at) WHERE ask_at IS NOT NULL",
    "ALTER TABLE reports DROP CONSTRAINT ck_reports_word",
    """
    ALTER TABLE reports
        ADD CONSTRAINT ck_reports_word CHECK (word IN ('taken', 'delivered', 'failed', 'silent'))
    """,
    """
    CREATE TABLE spending (
        school_id uuid NOT NULL,
        hour timestamptz NOT NULL,
        texts integer NOT NULL,
        CONSTRAINT pk_spending PRIMARY KEY (school_id, hour)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    RowLevelSecurity(op, "notifier").protect("spending", api="")


downgrade = irreversible
