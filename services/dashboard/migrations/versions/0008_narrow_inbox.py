"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.schema_inbox import narrow_inbox
from shared.runtime.tenancy import Tenancy

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

GROUPS = ("dashboard.on-invitations", "dashboard.on-notifier", "dashboard.on-roster", "dashboard.on-signup")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    Tenancy(op, "dashboard").share("inbox", api="")


downgrade = no_way_back
