"""Facts stay, when the outbox forgets them, for whoever rebuilds a projection. Routes do not see them."""

from alembic import op

from shared.runtime.schema import create_history_table, no_way_back
from shared.runtime.tenancy import Tenancy

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_history_table(op)
    Tenancy(op, "signup").share("history", api="")


downgrade = no_way_back
