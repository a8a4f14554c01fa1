"""Facts stay, when the outbox forgets them, for whoever rebuilds a projection. Routes do not see them."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import create_history_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_history_table(op)
    RowLevelSecurity(op, "dashboard").grant("history", api="")


downgrade = irreversible
