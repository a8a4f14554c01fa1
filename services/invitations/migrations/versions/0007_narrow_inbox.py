"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.schema_inbox import narrow_inbox
from shared.runtime.tenancy import Tenancy

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

GROUPS = ("invitations.on-notifier", "invitations.on-roster", "invitations.on-signup")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    Tenancy(op, "invitations").share("inbox", api="")


downgrade = no_way_back
