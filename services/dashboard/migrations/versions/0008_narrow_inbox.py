"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import narrow_inbox

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

GROUPS = ("dashboard.on-invitations", "dashboard.on-notifier", "dashboard.on-roster", "dashboard.on-signup")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    RowLevelSecurity(op, "dashboard").grant("inbox", api="")


downgrade = irreversible
