"""What one statement emits is one run, and waits for the relay as one row."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import count_runs

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_runs(op, "signup")
    RowLevelSecurity(op, "signup").open_runs()


downgrade = irreversible
