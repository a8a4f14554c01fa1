"""What one statement emits is one run, and waits for the relay as one row."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import count_runs

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_runs(op, "invitations")
    RowLevelSecurity(op, "invitations").open_runs()


downgrade = irreversible
