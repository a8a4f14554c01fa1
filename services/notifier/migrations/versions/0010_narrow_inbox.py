"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.schema_inbox import narrow_inbox
from shared.runtime.tenancy import Tenancy

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

GROUPS = ("notifier.on-commands", "notifier.on-commands-bulk")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    Tenancy(op, "notifier").share("inbox", api="")


downgrade = no_way_back
