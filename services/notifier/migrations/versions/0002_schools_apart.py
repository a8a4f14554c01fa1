"""Routes see the rows of the schools they are for, and own nothing."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.tenancy import Tenancy, part_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenancy = Tenancy(op, "notifier")
    tenancy.open()
    tenancy.keep_apart("messages")
    tenancy.keep_apart("attempts", rows=part_of("attempts", "messages", "message_id"))


downgrade = no_way_back
