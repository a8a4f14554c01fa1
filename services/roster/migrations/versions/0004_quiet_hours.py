"""A school's own quiet hours: phones are left alone from `quiet_from` until `quiet_until`, its local time."""

from alembic import op

from shared.runtime.migrations import irreversible

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE schools
            ADD COLUMN quiet_from time NOT NULL DEFAULT '20:00',
            ADD COLUMN quiet_until time NOT NULL DEFAULT '08:00'
        """
    )


downgrade = irreversible
