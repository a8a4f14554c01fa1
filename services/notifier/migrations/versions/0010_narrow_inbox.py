"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import narrow_inbox

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

GROUPS = ("notifier.on-commands", "notifier.on-commands-bulk")


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    RowLevelSecurity(op, "notifier").grant("inbox", api="")


downgrade = irreversible
