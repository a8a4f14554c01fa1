"""What is not published yet stands in a narrow table of its own; marking it rewrites no message."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import keep_pending_apart

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    keep_pending_apart(op, "roster")
    RowLevelSecurity(op, "roster").grant("outbox_pending", api="")


downgrade = irreversible
