"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.schema import no_way_back
from shared.runtime.schema_inbox import narrow_inbox
from shared.runtime.tenancy import Tenancy

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GROUPS = ("signup.on-invitations", "signup.on-roster")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    Tenancy(op, "signup").share("inbox", api="")


downgrade = no_way_back
