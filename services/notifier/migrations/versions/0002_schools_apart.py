"""Routes see the rows of the schools they are for, and own nothing."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible, rows_of_parent_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = RowLevelSecurity(op, "notifier")
    tenancy.open()
    tenancy.protect("messages")
    tenancy.protect("attempts", rows=rows_of_parent_table("attempts", "messages", "message_id"))


downgrade = irreversible
