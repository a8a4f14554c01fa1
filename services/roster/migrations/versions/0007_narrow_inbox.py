"""Whom a record was passed by is remembered in fewer bytes."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible
from shared.runtime.migrations.stepwise import narrow_inbox

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

GROUPS = ("roster.on-signup",)


def upgrade() -> None:
    narrow_inbox(op, GROUPS)
    RowLevelSecurity(op, "roster").grant("inbox", api="")


downgrade = irreversible
