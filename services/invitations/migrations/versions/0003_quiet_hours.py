"""Messages that wait for the morning, and addresses that take no more."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE schools
        ADD COLUMN quiet_from time NOT NULL DEFAULT '20:00',
        ADD COLUMN quiet_until time NOT NULL DEFAULT '08:00'
    """,
    "ALTER TABLE invitations ADD COLUMN send_at timestamptz",
    "CREATE INDEX ix_invitations_send_at ON invitations (send_at) WHERE send_at IS NOT NULL",
    """
    CREATE TABLE opt_outs (
        parent_id uuid NOT NULL,
        channel text NOT NULL,
        address_digest text NOT NULL,
        school_id uuid NOT NULL,
        version bigint NOT NULL,
        opted_out boolean NOT NULL,
        CONSTRAINT pk_opt_outs PRIMARY KEY (parent_id, channel, address_digest)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    RowLevelSecurity(op, "invitations").protect("opt_outs")


downgrade = irreversible
