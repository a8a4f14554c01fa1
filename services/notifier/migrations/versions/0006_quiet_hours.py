"""A message knows the hours of the day in which it waits."""

from alembic import op

from shared.runtime.migrations import irreversible

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE messages ADD COLUMN quiet_from time, ADD COLUMN quiet_until time")


downgrade = irreversible
