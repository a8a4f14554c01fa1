"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import narrow_inbox

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GROUPS = ("signup.on-invitations", "signup.on-roster")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    RowLevelSecurity(op, "signup").grant("inbox", api="")


downgrade = irreversible
