"""Each reply of a person counts once."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE inbound (
            message_sid text CONSTRAINT pk_inbound PRIMARY KEY,
            heard_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX ix_inbound_heard_at ON inbound (heard_at)")
    # Of no school: a reply is about a number.
    RowLevelSecurity(op, "notifier").grant("inbound", api="SELECT, INSERT")


downgrade = irreversible
