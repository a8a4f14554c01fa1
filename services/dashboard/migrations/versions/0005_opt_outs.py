"""Who takes no more messages at an address on a channel, and the code of what went wrong."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
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
        """
    )
    op.execute("ALTER TABLE parents ADD COLUMN delivery_code text")
    RowLevelSecurity(op, "dashboard").protect("opt_outs")


downgrade = irreversible
