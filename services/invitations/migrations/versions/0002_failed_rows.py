"""Table of the rows that failed when a periodic task worked on them."""

from __future__ import annotations

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, create_failed_rows, irreversible

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_failed_rows(op)
    RowLevelSecurity(op, "invitations").grant("failed_rows", api="")


downgrade = irreversible
