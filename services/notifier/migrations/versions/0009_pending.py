"""What is not published yet stands in a narrow table of its own; marking it rewrites no message."""

from alembic import op

from shared.runtime.schema import keep_pending_apart, no_way_back
from shared.runtime.tenancy import Tenancy

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    keep_pending_apart(op, "notifier")
    Tenancy(op, "notifier").share("outbox_pending", api="")


downgrade = no_way_back
