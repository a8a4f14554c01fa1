"""What one statement emits is one run, and waits for the relay as one row."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.schema_runs import count_runs
from shared.runtime.tenancy import Tenancy

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_runs(op, "notifier")
    Tenancy(op, "notifier").open_runs()


downgrade = no_way_back
